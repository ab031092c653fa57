{{/* The spec of a RayJob. Takes root, name and job. */}}
{{- define "slipway.rayJob" -}}
{{- $values := .root.Values -}}{{- $job := .job -}}
{{- $apps := (fromYaml (.root.Files.Get "apps.yaml")).apps -}}
{{- if not (or (hasKey $apps $job.app) (contains "." $job.app)) -}}
  {{- fail (printf "training.jobs.%s.app: there is no app %q; there are: %s" .name $job.app (keys $apps | sortAlpha | join ", ")) -}}
{{- end -}}
{{- $url := include "slipway.mlflowUrl" .root -}}
{{- if not $url -}}
  {{- fail (printf "training.jobs.%s requires an MLflow server: set mlflow.enabled or mlflow.url" .name) -}}
{{- end -}}
{{- $workers := $job.workers | default 1 | int -}}
{{- $image := include "slipway.image" (dict "root" .root "image" $values.image.training) -}}
{{- $words := list "slipway" "train" $job.app "--workers" (toString $workers) -}}
{{- range $job.args | default list }}{{ $words = append $words (printf "'%s'" (replace "'" "'\"'\"'" .)) }}{{ end -}}
{{- $env := include "slipway.trainingEnv" (dict "root" .root "url" $url) -}}
{{- $envFrom := "" -}}
{{- with $values.secrets.storage }}{{ $envFrom = printf "- secretRef:\n    name: %s" . }}{{ end -}}
{{- $mounts := "- name: tmp\n  mountPath: /tmp\n- name: models\n  mountPath: /models" -}}
{{- $claim := printf "- name: models\n  persistentVolumeClaim:\n    claimName: %s" (include "slipway.claim" .root) -}}
{{- $volumes := printf "- name: tmp\n  emptyDir: {}\n%s" $claim -}}
{{- $labels := printf "%s\n%s" (include "slipway.rayLabels" .root) (include "slipway.selector" (dict "root" .root "part" "training")) -}}
{{- $cpu := $job.cpu | default "2" -}}
{{- $cores := hasSuffix "m" $cpu | ternary (divf (trimSuffix "m" $cpu) 1000.0) (float64 $cpu) -}}
{{- $size := dict "cpu" (lt $cores (float64 $workers) | ternary (toString $workers) $cpu) "memory" ($job.memory | default "8Gi") -}}
entrypoint: {{ join " " $words | quote }}
shutdownAfterJobFinishes: true
ttlSecondsAfterFinished: {{ $values.training.ttlSeconds }}
backoffLimit: {{ $values.training.backoffLimit }}
activeDeadlineSeconds: {{ $values.training.deadlineSeconds }}
submissionMode: HTTPMode
rayClusterSpec:
  rayVersion: {{ $values.ray.version | quote }}
  authOptions:
    mode: {{ $values.ray.auth }}
  # One pod runs all workers of a fit, because its checkpoints are on the pod's disk.
  headGroupSpec:
    {{- include "slipway.rayStart" .root | nindent 4 }}
    template:
      {{- include "slipway.rayHead" (dict "root" .root "labels" $labels "account" (include "slipway.fullname" .root)
            "class" "batch" "size" $size "image" $image "env" $env "envFrom" $envFrom "mounts" $mounts "volumes" $volumes) | nindent 6 }}
{{- end -}}

{{/* Takes root and url. */}}
{{- define "slipway.trainingEnv" -}}
- name: HOME
  value: /tmp
- name: MLFLOW_TRACKING_URI
  value: {{ .url }}
- name: SLIPWAY_HOME
  value: /tmp/slipway
- name: SLIPWAY_MODEL_REPOSITORY
  value: /models
- name: SLIPWAY_RAY_ADDRESS
  value: auto
- name: RAY_USAGE_STATS_ENABLED
  value: "0"
{{- end -}}
