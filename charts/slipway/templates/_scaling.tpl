{{/* What scales: the Rollout, where there is one, and else the Deployment. Takes a track. */}}
{{- define "slipway.scaled" -}}
{{- if .rollout -}}
apiVersion: argoproj.io/v1alpha1
kind: Rollout
{{- else -}}
apiVersion: apps/v1
kind: Deployment
{{- end }}
name: {{ .name }}
{{- end -}}

{{/* How fast pods come and go. Takes root, up and down: the seconds that must have agreed. */}}
{{- define "slipway.behavior" -}}
scaleUp:
  stabilizationWindowSeconds: {{ int .up }}
  selectPolicy: Max
  policies:
    - type: Percent
      value: {{ .root.Values.scaling.upPercentPerHalfMinute }}
      periodSeconds: 30
    - type: Pods
      value: 2
      periodSeconds: 30
scaleDown:
  stabilizationWindowSeconds: {{ int .down }}
  selectPolicy: Max
  policies:
    - type: Percent
      value: {{ .root.Values.scaling.downPercentPerMinute }}
      periodSeconds: 60
    # Else one of few would stay for ever.
    - type: Pods
      value: 1
      periodSeconds: 60
{{- end -}}

{{/* Triton's queue: microseconds a request waited, on average; 0 without traffic, never NaN. */}}
{{- define "slipway.tritonQueue" -}}
{{- $of := printf "{namespace=%q,service=%q}" .Release.Namespace (printf "%s-triton" (include "slipway.fullname" .)) -}}
sum(rate(nv_inference_queue_duration_us{{ $of }}[2m])) / (sum(rate(nv_inference_request_success{{ $of }}[2m])) > 0) or vector(0)
{{- end -}}
