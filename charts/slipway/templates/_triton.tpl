{{/* The models that Triton serves, as YAML under `models`, and those that run on its GPUs under `onGpus`. */}}
{{- define "slipway.tritonModels" -}}
{{- $apps := fromYaml (include "slipway.apps" .) -}}
{{- $triton := .Values.triton -}}
{{- $models := $triton.models | default (keys $apps | sortAlpha) -}}
{{- $onGpus := $triton.gpuModels -}}
{{- if and (not $onGpus) (gt (int $triton.gpus) 0) -}}
  {{- range $models -}}
    {{- if gt (float64 (dig . "resources" "gpus" 0.0 $apps)) 0.0 -}}{{- $onGpus = append $onGpus . -}}{{- end -}}
  {{- end -}}
  {{- if not $onGpus -}}
    {{- fail (printf "triton.gpus: %v reserves GPUs that no model uses; name the models in triton.gpuModels, or set triton.gpus to 0" $triton.gpus) -}}
  {{- end -}}
{{- end -}}
{{- if and $onGpus (eq (int $triton.gpus) 0) -}}
  {{- fail (printf "triton.gpuModels: %s cannot run on a GPU, because triton.gpus is 0" (join ", " $onGpus)) -}}
{{- end -}}
{{- range $onGpus -}}
  {{- if not (has . $models) -}}
    {{- fail (printf "triton.gpuModels: %s is not among the models that Triton serves: %s" . (join ", " $models)) -}}
  {{- end -}}
{{- end -}}
{{- dict "models" $models "onGpus" $onGpus | toYaml -}}
{{- end -}}

{{/* The whole cores of a CPU quantity, at least 1. */}}
{{- define "slipway.cores" -}}
{{- $cpu := toString . -}}
{{- $cores := hasSuffix "m" $cpu | ternary (divf (trimSuffix "m" $cpu | float64) 1000.0) (trimSuffix "m" $cpu | float64) -}}
{{- max 1 (floor $cores | int) -}}
{{- end -}}

{{/* The container beside Triton that loads and unloads versions. */}}
{{- define "slipway.tritonVersions" -}}
{{- $chosen := fromYaml (include "slipway.tritonModels" .) -}}
name: versions
image: {{ include "slipway.image" (dict "root" . "image" .Values.image.control) }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
command:
  - slipway
  - triton
  - follow
args:
  - /models
  - --url=127.0.0.1:8001
  - --port=8003
  - --cpus={{ include "slipway.cores" .Values.triton.cpu }}
  {{- if gt (int .Values.triton.gpus) 0 }}
  - --gpus={{ int .Values.triton.gpus }}
  {{- end }}
  {{- if .Values.triton.reportStatus }}
  - --inference-service={{ include "slipway.fullname" . }}-triton
  {{- end }}
  {{- range $chosen.models }}
  - --model={{ . }}
  {{- end }}
  {{- range $chosen.onGpus }}
  - --on-gpu={{ . }}
  {{- end }}
ports:
  - name: served
    containerPort: 8003
    protocol: TCP
env:
  - name: HOME
    value: /tmp
  {{- include "slipway.extraEnv" (dict "root" .) | indent 2 }}
securityContext:
  {{- include "slipway.containerSecurity" . | nindent 2 }}
resources:
  {{- include "slipway.resources" (dict "cpu" "100m" "memory" "512Mi") | nindent 2 }}
# Ready once the repository was compared with Triton and what can be loaded is loaded.
startupProbe:
  httpGet:
    path: /
    port: served
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet:
    path: /
    port: served
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
readinessProbe:
  httpGet:
    path: /ready
    port: served
  periodSeconds: 5
  timeoutSeconds: 5
  failureThreshold: 2
volumeMounts:
  - name: tmp
    mountPath: /tmp
  - name: models
    mountPath: /models
    readOnly: true
  {{- include "slipway.extraMounts" . | indent 2 }}
  {{- if .Values.triton.reportStatus }}
  - name: account
    mountPath: /var/run/secrets/kubernetes.io/serviceaccount
    readOnly: true
  {{- end }}
{{- end -}}
