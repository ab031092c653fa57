{{/* Not empty if pods copy a bucket into the claim before their containers start. */}}
{{- define "slipway.fillsClaim" -}}
{{- if and .Values.repositorySync.enabled .Values.repositorySync.init (not .Values.modelRepository.images) }}true{{ end -}}
{{- end -}}

{{- define "slipway.syncSource" -}}
{{- if not .Values.repositorySync.source -}}
{{- fail "repositorySync.enabled requires repositorySync.source, a URL such as s3://models/repository" -}}
{{- end -}}
{{- .Values.repositorySync.source -}}
{{- end -}}

{{- define "slipway.syncPod" -}}
{{- include "slipway.jobPod" (dict "root" . "image" .Values.image.control "models" true "env" ""
      "command" (list "slipway" "repository" "sync" (include "slipway.syncSource" .) "/models")) -}}
{{- end -}}

{{/* What fills the model repository before a gateway starts: images with models, or a bucket. */}}
{{- define "slipway.repositoryInit" -}}
{{- $copy := "cp -r /opt/slipway/model-repository/. /models/" -}}
{{- /* A bucket that cannot be reached must not keep a gateway from starting that has versions. */ -}}
{{- $sync := "slipway repository sync \"$0\" /models || ls /models/*/*/manifest.json > /dev/null" -}}
{{- $steps := list -}}
{{- range $i, $image := .Values.modelRepository.images -}}
  {{- $_ := required (printf "modelRepository.images[%d].tag: `slipway package --format image` tags an image with the version" $i) $image.tag -}}
  {{- $steps = append $steps (dict "name" (printf "models-%d" $i) "image" $image "command" (list "sh" "-c" $copy)) -}}
{{- end -}}
{{- if include "slipway.fillsClaim" . -}}
  {{- $command := list "sh" "-c" $sync (include "slipway.syncSource" .) -}}
  {{- $steps = append $steps (dict "name" "repository" "image" .Values.image.control "command" $command "storage" .Values.secrets.storage) -}}
{{- end -}}
{{- with $steps }}
initContainers:
  {{- range . }}
  - name: {{ .name }}
    image: {{ include "slipway.image" (dict "root" $ "image" .image) }}
    imagePullPolicy: {{ $.Values.image.pullPolicy }}
    command:
      {{- toYaml .command | nindent 6 }}
    env:
      - name: HOME
        value: /tmp
      {{- include "slipway.extraEnv" (dict "root" $) | indent 6 }}
    {{- with .storage }}
    envFrom:
      - secretRef:
          name: {{ . | quote }}
    {{- end }}
    securityContext:
      {{- include "slipway.containerSecurity" $ | nindent 6 }}
    resources:
      {{- include "slipway.resources" (dict "cpu" "500m" "memory" "1Gi") | nindent 6 }}
    volumeMounts:
      - name: tmp
        mountPath: /tmp
      - name: models
        mountPath: /models
      {{- include "slipway.extraMounts" $ | indent 6 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* The apps that the groups serve, as SLIPWAY_APPS names them. */}}
{{- define "slipway.servedApps" -}}
{{- $apps := list -}}
{{- range (fromYaml (include "slipway.tracks" .)).tracks }}{{ $apps = concat $apps .apps }}{{ end -}}
{{- uniq $apps | sortAlpha | join "," -}}
{{- end -}}

{{/* Trains each app that has no version, on its synthetic data. */}}
{{- define "slipway.bootstrapPod" -}}
{{- $bootstrap := .Values.training.bootstrap -}}
{{- $added := .Values.addedModels | default dict -}}
{{- $known := keys (fromYaml (.Files.Get "apps.yaml")).apps -}}
{{- range $bootstrap.apps -}}
  {{- if hasKey $added . -}}
    {{- fail (printf "training.bootstrap.apps: %s was added from a file, so there is nothing to train; remove it" .) -}}
  {{- else if not (or (has . $known) (contains "." .)) -}}
    {{- fail (printf "training.bootstrap.apps: there is no app %q; there are: %s" . ($known | sortAlpha | join ", ")) -}}
  {{- end -}}
{{- end -}}
{{- $apps := $bootstrap.apps -}}
{{- if not $apps -}}
  {{- range splitList "," (include "slipway.servedApps" .) }}{{ if not (hasKey $added .) }}{{ $apps = append $apps . }}{{ end }}{{ end -}}
  {{- if not $apps -}}
    {{- fail "training.bootstrap.enabled: the groups serve added models alone, and there is nothing to train; set it to false" -}}
  {{- end -}}
{{- end -}}
{{- $script := `missing=
for app in "$@"; do
  ls "/models/${app##*.}"/*/manifest.json > /dev/null 2>&1 || slipway train "$app" || missing="$missing $app"
done
[ -z "$missing" ] || { echo "still without a version:$missing" >&2; exit 1; }
` -}}
{{- include "slipway.jobPod" (dict "root" . "image" .Values.image.training "models" true "part" "training"
      "own" .Values.training "size" $bootstrap
      "env" (include "slipway.trainingEnv" (dict "root" . "url" (include "slipway.mlflowUrl" .)))
      "command" (concat (list "sh" "-c" $script "bootstrap") $apps)) -}}
{{- end -}}
