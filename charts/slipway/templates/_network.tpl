{{/* The parts whose pods copy the bucket, as a list under `parts`; empty without a bucket. */}}
{{- define "slipway.syncingParts" -}}
{{- $parts := list -}}
{{- if .Values.repositorySync.enabled -}}
  {{- $parts = ternary (list "gateway" "model" "ray-head" "job") (list "job") (eq (include "slipway.fillsClaim" .) "true") -}}
{{- end -}}
{{- dict "parts" $parts | toYaml -}}
{{- end -}}

{{/* By kind of traffic that leaves the release, its ports: databases, storage, apiServer, mlflow and triton. */}}
{{- define "slipway.outsidePorts" -}}
{{- $np := .Values.networkPolicies -}}
{{- $tritons := list -}}
{{- range (fromYaml (include "slipway.tracks" .)).tracks -}}
  {{- with get .settings "SLIPWAY_TRITON_URL" -}}{{- $tritons = append $tritons (splitList ":" . | last | int) -}}{{- end -}}
{{- end -}}
{{- /* An MLflow elsewhere: only its port is known here. */ -}}
{{- $url := urlParse (.Values.mlflow.url | default "http://none") -}}
{{- $port := splitList ":" $url.host | last | int | default (eq $url.scheme "https" | ternary 443 80) -}}
{{- dict "databases" $np.databasePorts "storage" $np.storagePorts "apiServer" $np.apiServerPorts "mlflow" (list $port) "triton" (uniq $tritons) | toYaml -}}
{{- end -}}

{{/* By kind of traffic that leaves the release, the egress rules of its network policy; empty if there is none. */}}
{{- define "slipway.outside" -}}
{{- $np := .Values.networkPolicies -}}
{{- $rules := dict -}}
{{- range $kind, $ports := fromYaml (include "slipway.outsidePorts" .) -}}
  {{- $allowed := list -}}
  {{- range $ports -}}{{- $allowed = append $allowed (dict "port" (int .) "protocol" "TCP") -}}{{- end -}}
  {{- $peers := get $np.egress $kind -}}
  {{- $rule := dict "ports" $allowed -}}
  {{- if $peers -}}{{- $_ := set $rule "to" $peers -}}{{- end -}}
  {{- /* Destinations by name are in a CiliumNetworkPolicy. */ -}}
  {{- $named := and (eq $np.fqdns.provider "cilium") (get $np.fqdns $kind) -}}
  {{- $_ := set $rules $kind (ternary (list $rule) list (and (gt (len $allowed) 0) (or (gt (len $peers) 0) (not $named)))) -}}
{{- end -}}
{{- $dns := list -}}
{{- range $port := $np.dnsPorts -}}
  {{- range $protocol := list "UDP" "TCP" -}}{{- $dns = append $dns (dict "port" (int $port) "protocol" $protocol) -}}{{- end -}}
{{- end -}}
{{- $rule := dict "ports" $dns -}}
{{- with $np.egress.dns -}}{{- $_ := set $rule "to" . -}}{{- end -}}
{{- $_ := set $rules "dns" (list $rule) -}}
{{- toYaml $rules -}}
{{- end -}}
