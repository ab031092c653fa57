{{/* The start of every object's name. With a group's and "-canary" it fits into what KubeRay allows. */}}
{{- define "slipway.fullname" -}}
{{- .Values.fullnameOverride | default .Release.Name | trunc 18 | trimSuffix "-" -}}
{{- end -}}

{{/* Labels of every object. */}}
{{- define "slipway.labels" -}}
app.kubernetes.io/name: slipway
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{/* What selects pods. Takes root and part; KubeRay sets app.kubernetes.io/name itself. */}}
{{- define "slipway.selector" -}}
slipway.dev/release: {{ .root.Release.Name }}
slipway.dev/part: {{ .part }}
{{- end -}}

{{/* What selects pods of a track of a group. Takes root, part and track. */}}
{{- define "slipway.trackSelector" -}}
{{ include "slipway.selector" . }}
slipway.dev/group: {{ .track.group }}
slipway.dev/track: {{ .track.track }}
{{- end -}}

{{/* Takes root and image. */}}
{{- define "slipway.image" -}}
{{- with .root.Values.image.registry }}{{ . }}/{{ end -}}
{{- .image.repository }}:{{ .image.tag | default .root.Chart.AppVersion }}
{{- with .image.digest }}@{{ . }}{{ end -}}
{{- end -}}

{{- define "slipway.claim" -}}
{{- .Values.modelRepository.existingClaim | default (printf "%s-models" (include "slipway.fullname" .)) -}}
{{- end -}}

{{/* Takes root and class: serving or batch. */}}
{{- define "slipway.priority" -}}
{{- $given := get .root.Values.priority .class -}}
{{- if $given }}priorityClassName: {{ $given }}
{{- else if .root.Values.priority.create }}priorityClassName: {{ include "slipway.fullname" .root }}-{{ .class }}
{{- end -}}
{{- end -}}

{{- define "slipway.mlflowUrl" -}}
{{- if .Values.mlflow.enabled }}http://{{ include "slipway.fullname" . }}-mlflow.{{ .Release.Namespace }}.svc:5000
{{- else }}{{ .Values.mlflow.url }}{{ end -}}
{{- end -}}
