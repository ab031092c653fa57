{{- define "slipway.parent" -}}
parentRefs:
  - name: {{ .Values.routes.gateway.name | quote }}
    namespace: {{ .Values.routes.gateway.namespace | quote }}
{{- end -}}

{{/* The Services of the stable track and of the canary, if any, with their weights. Takes track and port. */}}
{{- define "slipway.backends" -}}
backendRefs:
  - name: {{ .track.name }}
    port: {{ .port }}
    weight: {{ int .track.weight }}
  {{- if lt (int .track.weight) 100 }}
  - name: {{ .track.name }}-canary
    port: {{ .port }}
    weight: {{ sub 100 (int .track.weight) }}
  {{- end }}
{{- end -}}
