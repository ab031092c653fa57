{{/* The spec of a RayJob. Takes root, name and job. */}}
{{- define "slipway.rayJob" -}}
{{- $values := .root.Values -}}{{- $job := .job -}}
{{- $apps := (fromYaml (.root.Files.Get "apps.yaml")).apps -}}
{{- if not (or (hasKey $apps $job.app) (contains "." $job.app)) -}}
  {{- fail (printf "training.jobs.%s.app: there is no app %q; there are: %s" .name $job.app (keys $apps | sortAlpha | join ", ")) -}}
{{- end -}}
{{- $url := include "slipway.mlflowUrl" .root -}}
{{- if not $url -}}
  {{- fail (printf "training.jobs.%s needs an MLflow: set mlflow.enabled or mlflow.url" .name) -}}
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
{{- $labels := include "slipway.labels" .root -}}
{{- $size := dict "cpu" ($job.cpu | default "2") "memory" ($job.memory | default "8Gi") -}}
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
  headGroupSpec:
    rayStartParams: {}
    template:
      {{- $head := printf "%s\n%s" $labels (include "slipway.selector" (dict "root" .root "part" "training-head")) }}
      {{- include "slipway.rayHead" (dict "root" .root "labels" $head "class" "batch" "size" $size "image" $image
            "env" $env "envFrom" $envFrom "mounts" $mounts "volumes" $volumes) | nindent 6 }}
  workerGroupSpecs:
    - groupName: training
      replicas: {{ $workers }}
      minReplicas: {{ $workers }}
      maxReplicas: {{ $workers }}
      rayStartParams: {}
      template:
        metadata:
          labels:
            {{- $labels | nindent 12 }}
            {{- include "slipway.selector" (dict "root" .root "part" "training") | nindent 12 }}
        spec:
          automountServiceAccountToken: false
          serviceAccountName: {{ include "slipway.fullname" .root }}
          {{- with include "slipway.priority" (dict "root" .root "class" "batch") }}
          {{- . | nindent 10 }}
          {{- end }}
          {{- include "slipway.pullSecrets" .root | indent 10 }}
          securityContext:
            {{- include "slipway.podSecurity" .root | nindent 12 }}
          containers:
            - name: ray-worker
              image: {{ $image }}
              imagePullPolicy: {{ $values.image.pullPolicy }}
              env:
                {{- $env | nindent 16 }}
              {{- with $envFrom }}
              envFrom:
                {{- . | nindent 16 }}
              {{- end }}
              securityContext:
                {{- include "slipway.containerSecurity" .root | nindent 16 }}
              resources:
                {{- include "slipway.resources" $size | nindent 16 }}
              livenessProbe:
                {{- include "slipway.rayLiveness" (dict "path" "/api/local_raylet_healthz" "port" 52365) | nindent 16 }}
              readinessProbe:
                {{- include "slipway.rayLiveness" (dict "path" "/api/local_raylet_healthz" "port" 52365) | nindent 16 }}
              volumeMounts:
                {{- include "slipway.rayMounts" .root | nindent 16 }}
                {{- $mounts | nindent 16 }}
          volumes:
            {{- include "slipway.rayVolumes" .root | nindent 12 }}
            {{- $volumes | nindent 12 }}
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
