{{- define "slipway.syncPod" -}}
{{- if not .Values.repositorySync.source -}}
{{- fail "repositorySync.enabled requires repositorySync.source, a URL such as s3://models/repository" -}}
{{- end -}}
{{- include "slipway.jobPod" (dict "root" . "image" .Values.image.control "models" true "env" ""
      "command" (list "slipway" "repository" "sync" .Values.repositorySync.source "/models")) -}}
{{- end -}}
