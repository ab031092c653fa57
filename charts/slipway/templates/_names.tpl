{{/* The prefix of every object's name. With a group's name and "-canary" added, KubeRay accepts its length. */}}
{{- define "slipway.fullname" -}}
{{- if and (contains "." .Release.Name) (not .Values.fullnameOverride) -}}
{{- $plain := replace "." "-" .Release.Name -}}
{{- fail (printf "the release's name %q must not have a dot, because a release %q would have objects of the same names: set fullnameOverride to %q or to another name" .Release.Name $plain $plain) -}}
{{- end -}}
{{- $name := .Values.fullnameOverride | default .Release.Name -}}
{{- if regexMatch "^([0-9].*|true|false|null|yes|no|on|off|y|n)$" $name -}}
{{- fail (printf "the release's name %q must not begin with a digit or be a YAML keyword: set fullnameOverride" $name) -}}
{{- end -}}
{{- /* Without the hash, two long names could become the same. */ -}}
{{- if le (len $name) 18 }}{{ $name }}{{ else }}{{ trunc 13 $name | trimSuffix "-" }}-{{ sha256sum $name | trunc 4 }}{{ end -}}
{{- end -}}

{{/* The prefix of the names of cluster-wide objects: two namespaces may have releases of one name. With a hyphen, "a" in "b-c"
     and "a-b" in "c" would have the same. */}}
{{- define "slipway.clusterName" -}}
{{- $name := include "slipway.fullname" . -}}
{{- /* `helm lint` gives no namespace. */ -}}
{{- printf "%s%s%s" $name (contains "-" $name | ternary "." "-") (.Release.Namespace | default "none") -}}
{{- end -}}

{{/* The name of an object that has the release's name alone. The release "slipway-ray" would have an object of the same name as
     "slipway" if that has one that ends in "-ray": then the name ends in "-<tail>", unless the object is there already. Takes
     root, endings (those of the other objects of the kind), tail, version and kind. */}}
{{- define "slipway.bareName" -}}
{{- $name := include "slipway.fullname" .root -}}
{{- $ambiguous := false -}}
{{- range append .endings .tail }}{{ if hasSuffix (printf "-%s" .) $name }}{{ $ambiguous = true }}{{ end }}{{ end -}}
{{- if $ambiguous -}}
  {{- $there := (lookup .version .kind .root.Release.Namespace $name).metadata | default dict -}}
  {{- $ambiguous = ne .root.Release.Name (dig "labels" "app.kubernetes.io/instance" "" $there) -}}
{{- end -}}
{{- $name }}{{ if $ambiguous }}-{{ .tail }}{{ end -}}
{{- end -}}

{{/* Labels of every object. */}}
{{- define "slipway.labels" -}}
app.kubernetes.io/name: slipway
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The labels that select pods. Takes root and part; KubeRay sets app.kubernetes.io/name itself. */}}
{{- define "slipway.selector" -}}
slipway.dev/release: {{ .root.Release.Name | quote }}
slipway.dev/part: {{ .part }}
{{- end -}}

{{/* The labels that select the pods of a group's track. Takes root, part and track. */}}
{{- define "slipway.trackSelector" -}}
{{ include "slipway.selector" . }}
slipway.dev/group: {{ .track.group | quote }}
slipway.dev/track: {{ .track.track }}
{{- end -}}

{{/* Takes root and image. The registry of all images takes the place of the host in a repository's name. */}}
{{- define "slipway.image" -}}
{{- $image := merge (dict "tag" (.image.tag | default .root.Chart.AppVersion) "digest" (.image.digest | default "")) .image -}}
{{- with .root.Values.image.registry -}}
  {{- $_ := set $image "repository" (printf "%s/%s" . (regexReplaceAll "^([^/]*[.:][^/]*|localhost)/" $image.repository "")) -}}
{{- end -}}
{{- include "slipway.pinned" $image -}}
{{- end -}}

{{/* A name with its tag and digest. Takes repository, tag and digest. */}}
{{- define "slipway.pinned" -}}
{{- $name := printf "%s:%s" .repository .tag -}}
{{- if regexMatch "^sha256:0+$" .digest -}}
{{- fail (printf "the digest of %s must not be zeros; this prints the digest: docker buildx imagetools inspect %s" $name $name) -}}
{{- end -}}
{{- $name }}{{ with .digest }}@{{ . }}{{ end -}}
{{- end -}}

{{- define "slipway.claim" -}}
{{- .Values.modelRepository.existingClaim | default (printf "%s-models" (include "slipway.fullname" .)) -}}
{{- end -}}

{{/* Takes root, class (serving or batch) and optionally own, a class that a part names itself. */}}
{{- define "slipway.priority" -}}
{{- $given := .own | default (get .root.Values.priority .class) -}}
{{- if $given }}priorityClassName: {{ $given | quote }}
{{- else if .root.Values.priority.create }}priorityClassName: {{ include "slipway.clusterName" .root }}-{{ .class }}
{{- end -}}
{{- end -}}

{{- define "slipway.mlflowUrl" -}}
{{- if .Values.mlflow.enabled }}http://{{ include "slipway.fullname" . }}-mlflow.{{ .Release.Namespace }}.svc:5000
{{- else }}{{ .Values.mlflow.url }}{{ end -}}
{{- end -}}
