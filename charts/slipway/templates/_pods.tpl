{{- define "slipway.podSecurity" -}}
runAsNonRoot: true
{{- range $field, $value := .Values.podSecurityContext }}
{{- if kindIs "slice" $value }}
{{- with $value }}
{{ $field }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- else if not (kindIs "invalid" $value) }}
{{ $field }}: {{ kindIs "string" $value | ternary $value (int64 $value) }}
{{- end }}
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "slipway.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop:
    - ALL
{{- end -}}

{{- define "slipway.pullSecrets" -}}
{{- $names := .Values.image.pullSecrets -}}
{{- range .Values.imagePullSecrets }}{{ $names = append $names .name }}{{ end -}}
{{- with uniq $names }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* A quantity of memory. 1.1Gi is no whole number of bytes, which an API server warns of. */}}
{{- define "slipway.memory" -}}
{{- if contains "." . }}{{ include "slipway.mebibytes" . }}Mi{{ else }}{{ . }}{{ end -}}
{{- end -}}

{{/* Requests with equal limits. Takes cpu, memory and optionally gpu. */}}
{{- define "slipway.resources" -}}
{{- $gpu := .gpu | default dict -}}
requests:
  cpu: {{ .cpu | quote }}
  memory: {{ include "slipway.memory" .memory }}
limits:
  cpu: {{ .cpu | quote }}
  memory: {{ include "slipway.memory" .memory }}
  {{- if gt (int ($gpu.count | default 0)) 0 }}
  {{ $gpu.resource }}: {{ int $gpu.count | quote }}
  {{- end }}
{{- end -}}

{{- define "slipway.tritonResources" -}}
{{- $gpu := dict "count" .Values.triton.gpus "resource" "nvidia.com/gpu" -}}
{{- include "slipway.resources" (dict "cpu" .Values.triton.cpu "memory" .Values.triton.memory "gpu" $gpu) -}}
{{- end -}}

{{/* Takes name, secret. */}}
{{- define "slipway.secretVariable" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret.name | quote }}
      key: {{ .secret.key | quote }}
{{- end -}}

{{/* Not empty if gateways find out who calls. Takes root and settings. */}}
{{- define "slipway.asksCallers" -}}
{{- $settings := .settings | default dict -}}
{{- if or .root.Values.auth.keys.name (get $settings "SLIPWAY_JWT_KEYS") (get $settings "SLIPWAY_IDENTITY_HEADER") }}yes{{ end -}}
{{- end -}}

{{/* The data plane's environment. Takes root and track. */}}
{{- define "slipway.gatewayEnv" -}}
{{- $values := .root.Values -}}{{- $track := .track -}}
{{- $env := dict "HOME" "/tmp" "SLIPWAY_HOME" "/tmp/slipway" "SLIPWAY_MODEL_REPOSITORY" "/models" "SLIPWAY_HOST" "0.0.0.0"
      "SLIPWAY_APPS" $track.appsSetting
      "SLIPWAY_HTTP_PORT" (toString $values.gateway.httpPort) "SLIPWAY_GRPC_PORT" (toString $values.gateway.grpcPort)
      "SLIPWAY_DRAIN_SECONDS" (toString $values.gateway.drainSeconds)
      "SLIPWAY_NOTICE_SECONDS" (toString $values.gateway.noticeSeconds)
      "SLIPWAY_CONNECTION_SECONDS" (toString $values.gateway.connectionSeconds) -}}
{{- if and $values.development.watchSources (eq $track.runtime "process") }}{{ $_ := set $env "PYTHONPATH" "/tmp/src" }}{{ end -}}
{{- if $track.backend }}{{ $_ := set $env "SLIPWAY_BACKEND" $track.backend }}{{ end -}}
{{- if $values.triton.enabled }}{{ $_ := set $env "SLIPWAY_TRITON_URL" (printf "%s-triton:8001" (include "slipway.fullname" .root)) }}{{ end -}}
{{- if gt (int $track.gpu.count) 0 }}{{ $_ := set $env "SLIPWAY_ONNX_PROVIDERS" "cuda,cpu" }}{{ end -}}
{{- if eq $track.runtime "ray" -}}
  {{- $_ := set $env "PROMETHEUS_MULTIPROC_DIR" "/tmp/slipway/metrics" -}}
  {{- $_ := set $env "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO" "0" -}}
  {{- $_ := set $env "RAY_DEDUP_LOGS" "0" -}}
  {{- $_ := set $env "RAY_USAGE_STATS_ENABLED" "0" -}}
  {{- if eq $values.gateway.door "ray" -}}
    {{- $_ := set $env "SLIPWAY_DOOR" "ray" -}}
    {{- $_ := set $env "RAY_SERVE_ENABLE_HA_PROXY" "1" -}}
  {{- end -}}
{{- end -}}
{{- if $values.auth.keys.name }}{{ $_ := set $env "SLIPWAY_KEY_FOLDER" "/etc/slipway/keys" }}{{ end -}}
{{- if not (include "slipway.asksCallers" (dict "root" .root "settings" $track.settings)) }}{{ $_ := set $env "SLIPWAY_OPEN" "true" }}{{ end -}}
{{- $all := merge (deepCopy $track.settings) $env -}}
{{- range $name, $value := $all }}
- name: {{ $name | quote }}
  value: {{ $value | quote }}
{{- end }}
{{- with $values.secrets }}
{{- if .database.name }}
{{ include "slipway.secretVariable" (dict "name" "SLIPWAY_DATABASE_URL" "secret" .database) }}
{{- end }}
{{- if .collections.name }}
{{ include "slipway.secretVariable" (dict "name" "SLIPWAY_COLLECTIONS_URL" "secret" .collections) }}
{{- end }}
{{- end }}
{{- include "slipway.extraEnv" (dict "root" .root "taken" $all) }}
{{- end -}}

{{- define "slipway.gatewayPorts" -}}
{{- if eq (int .Values.gateway.httpPort) (int .Values.gateway.grpcPort) -}}
{{- fail (printf "gateway.grpcPort: %v is also gateway.httpPort; choose another port" .Values.gateway.grpcPort) -}}
{{- end -}}
{{- /* KubeRay makes its Service of the head's port of the name serve, though nobody listens there. */ -}}
- name: serve
  containerPort: {{ .Values.gateway.httpPort }}
- name: grpc
  containerPort: {{ .Values.gateway.grpcPort }}
{{- end -}}

{{/* A gateway is ready when versions are loaded and it is not terminating. */}}
{{- define "slipway.gatewayReadiness" -}}
httpGet:
  path: /-/healthz
  port: serve
periodSeconds: 2
timeoutSeconds: 2
failureThreshold: 1
{{- end -}}

{{- define "slipway.gatewayMounts" -}}
- name: tmp
  mountPath: /tmp
- name: models
  mountPath: /models
  readOnly: true
{{- if .Values.auth.keys.name }}
- name: keys
  mountPath: /etc/slipway/keys
  readOnly: true
{{- end }}
{{- include "slipway.extraMounts" . }}
{{- end -}}

{{- define "slipway.gatewayVolumes" -}}
- name: tmp
  emptyDir: {}
- name: models
  {{- if .Values.modelRepository.images }}
  emptyDir: {}
  {{- else }}
  persistentVolumeClaim:
    claimName: {{ include "slipway.claim" . | quote }}
    {{- if not (include "slipway.fillsClaim" .) }}
    readOnly: true
    {{- end }}
  {{- end }}
{{- with .Values.auth.keys.name }}
- name: keys
  secret:
    secretName: {{ . | quote }}
{{- end }}
{{- include "slipway.extraVolumes" . }}
{{- end -}}

{{/* The placement of a track's pods. Takes root, part, track and gpu (whether the pods need a GPU). */}}
{{- define "slipway.placement" -}}
{{- $nodes := deepCopy .root.Values.gateway.nodeSelector -}}
{{- $taints := .root.Values.gateway.tolerations -}}
{{- if .gpu -}}
  {{- $nodes = mergeOverwrite $nodes .track.gpu.nodeSelector -}}
  {{- $taints = concat $taints .track.gpu.tolerations -}}
{{- end -}}
{{- if and .gpu .track.gpu.runtimeClassName }}
runtimeClassName: {{ .track.gpu.runtimeClassName | quote }}
{{- end }}
{{- with $nodes }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $taints }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- include "slipway.affinity" (dict "root" .root "own" .root.Values.gateway.affinity "models" true) }}
{{- with include "slipway.priority" (dict "root" .root "class" "serving") }}
{{ . }}
{{- end }}
{{- if and .root.Values.gateway.topologySpread (not (include "slipway.oneNode" .root)) }}
topologySpreadConstraints:
  {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "slipway.trackSelector" $ | nindent 8 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* The pod of a job, in the priority class batch. Takes root, image, command (a list), env (YAML), models (whether it writes
     to the model repository), and optionally part, size (cpu and memory) and own (its places). */}}
{{- define "slipway.jobPod" -}}
metadata:
  {{- $part := .part | default "job" }}
  {{- include "slipway.podMetadata" (dict "root" .root "models" .models
        "selector" (include "slipway.selector" (dict "root" .root "part" $part))) | nindent 2 }}
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  serviceAccountName: {{ include "slipway.account" .root | quote }}
  {{- with include "slipway.priority" (dict "root" .root "class" "batch" "own" (.own | default dict).priorityClassName) }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- include "slipway.pullSecrets" .root | indent 2 }}
  {{- include "slipway.places" (dict "root" .root "own" (.own | default dict) "models" .models) | indent 2 }}
  securityContext:
    {{- include "slipway.podSecurity" .root | nindent 4 }}
  containers:
    - name: job
      image: {{ include "slipway.image" (dict "root" .root "image" .image) }}
      imagePullPolicy: {{ .root.Values.image.pullPolicy }}
      command:
        {{- toYaml .command | nindent 8 }}
      env:
        - name: HOME
          value: /tmp
        {{- .env | nindent 8 }}
        {{- include "slipway.extraEnv" (dict "root" .root) | indent 8 }}
      {{- with .root.Values.secrets.storage }}
      envFrom:
        - secretRef:
            name: {{ . | quote }}
      {{- end }}
      securityContext:
        {{- include "slipway.containerSecurity" .root | nindent 8 }}
      resources:
        {{- include "slipway.resources" (.size | default (dict "cpu" "500m" "memory" "2Gi")) | nindent 8 }}
      volumeMounts:
        - name: tmp
          mountPath: /tmp
        {{- if .models }}
        - name: models
          mountPath: /models
        {{- end }}
        {{- if eq $part "training" }}{{ include "slipway.signingMount" .root | indent 8 }}{{ end }}
        {{- include "slipway.extraMounts" .root | indent 8 }}
  volumes:
    - name: tmp
      emptyDir: {}
    {{- if .models }}
    - name: models
      persistentVolumeClaim:
        claimName: {{ include "slipway.claim" .root | quote }}
    {{- end }}
    {{- if eq $part "training" }}{{ include "slipway.signingVolume" .root | indent 4 }}{{ end }}
    {{- include "slipway.extraVolumes" .root | indent 4 }}
{{- end -}}


{{/* The size of a claim in MiB. Takes a quantity in Ti, Gi or Mi; another form counts as larger than any. */}}
{{- define "slipway.sizeMebibytes" -}}
{{- if hasSuffix "Ti" . }}{{ mulf (float64 (trimSuffix "Ti" .)) 1048576 | ceil | int64 }}
{{- else if hasSuffix "Gi" . }}{{ mulf (float64 (trimSuffix "Gi" .)) 1024 | ceil | int64 }}
{{- else if hasSuffix "Mi" . }}{{ trimSuffix "Mi" . | float64 | ceil | int64 }}
{{- else }}{{ 9007199254740991 }}{{ end -}}
{{- end -}}
