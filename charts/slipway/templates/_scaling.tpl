{{/* The object to scale: the Rollout if the group has one, else the Deployment. Takes a track. */}}
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

{{/* How fast pods are added and removed. Takes root, up and down (stabilization windows in seconds). */}}
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
    # Without this, a percentage of few pods would never remove one.
    - type: Pods
      value: 1
      periodSeconds: 60
{{- end -}}

{{/* Average microseconds that a request waited in Triton's queue: 0 without traffic, never NaN. */}}
{{- define "slipway.tritonQueue" -}}
{{- $of := printf "{namespace=%q,service=%q}" .Release.Namespace (printf "%s-triton" (include "slipway.fullname" .)) -}}
sum(rate(nv_inference_queue_duration_us{{ $of }}[2m])) / (sum(rate(nv_inference_request_success{{ $of }}[2m])) > 0) or vector(0)
{{- end -}}

{{/* Not empty if an HPA may use the metrics of an adapter. `helm template` asks no cluster and finds none. Takes root and api. */}}
{{- define "slipway.adapter" -}}
{{- $found := or (.root.Capabilities.APIVersions.Has (printf "%s/v1beta1" .api)) (.root.Capabilities.APIVersions.Has (printf "%s/v1beta2" .api)) -}}
{{- if or (eq .root.Values.scaling.metric "requests") (and (eq .root.Values.scaling.metric "auto") $found) }}true{{ end -}}
{{- end -}}

{{- define "slipway.cpuMetric" -}}
- type: Resource
  resource:
    name: cpu
    target:
      type: Utilization
      averageUtilization: {{ int .Values.scaling.targetCpuPercent }}
{{- end -}}
