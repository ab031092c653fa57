{{/* The spec of a RayJob. Takes root, name and job. */}}
{{- define "slipway.rayJob" -}}
{{- $values := .root.Values -}}{{- $job := .job -}}
{{- $apps := (fromYaml (.root.Files.Get "apps.yaml")).apps -}}
{{- if hasKey ($values.addedModels | default dict) $job.app -}}
  {{- fail (printf "training.jobs.%s.app: %s was added from a file, so there is nothing to train; remove the job" .name $job.app) -}}
{{- end -}}
{{- if not (or (hasKey $apps $job.app) (contains "." $job.app)) -}}
  {{- fail (printf "training.jobs.%s.app: there is no app %q; there are: %s" .name $job.app (keys $apps | sortAlpha | join ", ")) -}}
{{- end -}}
{{- $url := include "slipway.mlflowUrl" .root -}}
{{- if not $url -}}
  {{- fail (printf "training.jobs.%s requires an MLflow server: set mlflow.enabled or mlflow.url" .name) -}}
{{- end -}}
{{- if $values.modelRepository.images -}}
  {{- fail (printf "training.jobs.%s needs the claim; modelRepository.images replaces it, so use one of them" .name) -}}
{{- end -}}
{{- $workers := $job.workers | default 1 | int -}}
{{- $image := include "slipway.image" (dict "root" .root "image" (merge (deepCopy ($job.image | default dict)) $values.image.training)) -}}
{{- $words := list "slipway" "train" $job.app "--workers" (toString $workers) -}}
{{- range $job.args | default list }}{{ $words = append $words (printf "'%s'" (replace "'" "'\"'\"'" .)) }}{{ end -}}
{{- $env := printf "- name: HOME\n  value: /tmp\n- name: SLIPWAY_RAY_ADDRESS\n  value: auto\n%s%s"
      (include "slipway.trainingEnv" (dict "root" .root "url" $url)) (include "slipway.extraEnv" (dict "root" .root)) -}}
{{- $envFrom := "" -}}
{{- with $values.secrets.storage }}{{ $envFrom = printf "- secretRef:\n    name: %q" . }}{{ end -}}
{{- $mounts := printf "- name: tmp\n  mountPath: /tmp\n- name: models\n  mountPath: /models%s%s" (include "slipway.signingMount" .root)
      (include "slipway.extraMounts" .root) -}}
{{- $claim := printf "- name: models\n  persistentVolumeClaim:\n    claimName: %q" (include "slipway.claim" .root) -}}
{{- $volumes := printf "- name: tmp\n  emptyDir: {}\n%s%s%s" $claim (include "slipway.signingVolume" .root)
      (include "slipway.extraVolumes" .root) -}}
{{- $selector := include "slipway.selector" (dict "root" .root "part" "training") -}}
{{- $cpu := $job.cpu | default "2" | toString -}}
{{- $cores := hasSuffix "m" $cpu | ternary (divf (trimSuffix "m" $cpu) 1000.0) (float64 $cpu) -}}
{{- $gpu := dict "count" ($job.gpus | default 0) "resource" $values.training.gpuResource -}}
{{- $size := dict "cpu" (lt $cores (float64 $workers) | ternary (toString $workers) $cpu) "memory" ($job.memory | default "8Gi") "gpu" $gpu -}}
entrypoint: {{ join " " $words | quote }}
shutdownAfterJobFinishes: true
ttlSecondsAfterFinished: {{ int64 $values.training.ttlSeconds }}
backoffLimit: {{ int64 $values.training.backoffLimit }}
activeDeadlineSeconds: {{ int64 $values.training.deadlineSeconds }}
submissionMode: HTTPMode
rayClusterSpec:
  rayVersion: {{ $values.ray.version | quote }}
  authOptions:
    mode: {{ $values.ray.auth }}
  # One pod runs all workers of a fit, because its checkpoints are on the pod's disk.
  headGroupSpec:
    {{- include "slipway.rayStart" .root | nindent 4 }}
    template:
      {{- include "slipway.rayHead" (dict "root" .root "selector" $selector "account" (include "slipway.account" .root) "token" false
            "class" "batch" "places" (include "slipway.trainingPlaces" (dict "root" .root "job" $job)) "priority" ($job.priorityClassName | default $values.training.priorityClassName)
            "size" $size "image" $image "env" $env "envFrom" $envFrom "mounts" $mounts "volumes" $volumes) | nindent 6 }}
{{- end -}}

{{/* Where a training runs: fields of the job win. Those with GPUs tolerate the taint of GPU nodes. Takes root and job. */}}
{{- define "slipway.trainingPlaces" -}}
{{- $all := .root.Values.training -}}
{{- $gpus := gt (int (.job.gpus | default 0)) 0 -}}
{{- $taints := .job.tolerations | default $all.tolerations -}}
{{- if $gpus }}{{ $taints = append $taints (dict "key" $all.gpuResource "operator" "Exists" "effect" "NoSchedule") }}{{ end -}}
{{- $own := dict "nodeSelector" (.job.nodeSelector | default $all.nodeSelector) "tolerations" (uniq $taints)
      "affinity" (.job.affinity | default $all.affinity) -}}
{{- if and $gpus $all.runtimeClassName }}
runtimeClassName: {{ $all.runtimeClassName | quote }}
{{- end }}
{{- include "slipway.places" (dict "root" .root "own" $own "models" true) }}
{{- end -}}

{{/* The labels of a training's object, such as Kueue's queue. Takes root and job. */}}
{{- define "slipway.trainingLabels" -}}
{{- $labels := mergeOverwrite (deepCopy .root.Values.training.labels) (deepCopy (.job.labels | default dict)) -}}
{{- toYaml (mergeOverwrite $labels (fromYaml (include "slipway.labels" .root))) -}}
{{- end -}}

{{/* Takes root and url, which may be empty. */}}
{{- define "slipway.trainingEnv" -}}
{{- with .url -}}
- name: MLFLOW_TRACKING_URI
  value: {{ . | quote }}
{{ end -}}
- name: SLIPWAY_HOME
  value: /tmp/slipway
- name: SLIPWAY_MODEL_REPOSITORY
  value: /models
- name: RAY_USAGE_STATS_ENABLED
  value: "0"
{{- with .root.Values.signatures.signingKey }}
{{- if .name }}
- name: SLIPWAY_SIGNING_KEY
  value: /etc/slipway/signing/{{ .key }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The private key that signs what trainings publish: nobody but the pod's users may read it. */}}
{{- define "slipway.signingVolume" -}}
{{- with .Values.signatures.signingKey.name }}
- name: signing
  secret:
    secretName: {{ . | quote }}
    defaultMode: 288
{{- end }}
{{- end -}}

{{- define "slipway.signingMount" -}}
{{- if .Values.signatures.signingKey.name }}
- name: signing
  mountPath: /etc/slipway/signing
  readOnly: true
{{- end }}
{{- end -}}
