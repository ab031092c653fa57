{{- define "slipway.parent" -}}
parentRefs:
  - name: {{ .Values.routes.gateway.name }}
    namespace: {{ .Values.routes.gateway.namespace }}
{{- end -}}

{{/* The stable track's Service and, where there is one, the canary's, by weight. Takes track and port. */}}
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
