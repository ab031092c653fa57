{{/* What values add to every pod: labels, annotations, variables, volumes, places. */}}

{{/* The metadata of a pod. Takes root, selector (YAML), and optionally labels, models (whether it mounts the claim) and ray:
     KubeRay sets app.kubernetes.io/name of its pods, by which its Services select them. */}}
{{- define "slipway.podMetadata" -}}
{{- $values := .root.Values -}}
{{- $labels := mergeOverwrite (fromYaml (include "slipway.labels" .root)) (deepCopy $values.podLabels) (deepCopy (.labels | default dict)) (fromYaml .selector) -}}
{{- if .ray }}{{ $_ := unset $labels "app.kubernetes.io/name" }}{{ end -}}
{{- if and .models (include "slipway.oneNode" .root) }}{{ $_ := set $labels "slipway.dev/models" "claim" }}{{ end -}}
labels:
  {{- toYaml $labels | nindent 2 }}
{{- with $values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Not empty if a single node mounts the model repository, so that all pods that need it must run there. */}}
{{- define "slipway.oneNode" -}}
{{- $repository := .Values.modelRepository -}}
{{- $claim := (lookup "v1" "PersistentVolumeClaim" .Release.Namespace (include "slipway.claim" .)).spec | default dict -}}
{{- $modes := $claim.accessModes | default $repository.accessModes -}}
{{- if not (or $repository.images $repository.existingClaim (has "ReadWriteMany" $modes) (has "ReadOnlyMany" $modes)) }}true{{ end -}}
{{- end -}}

{{/* Takes root, own (the part's own affinity) and models (whether the pod mounts the claim). */}}
{{- define "slipway.affinity" -}}
{{- $affinity := deepCopy (.own | default .root.Values.affinity) -}}
{{- if and .models (include "slipway.oneNode" .root) -}}
  {{- $mine := dict "slipway.dev/release" .root.Release.Name "slipway.dev/models" "claim" -}}
  {{- $term := dict "labelSelector" (dict "matchLabels" $mine) "topologyKey" "kubernetes.io/hostname" -}}
  {{- $field := "requiredDuringSchedulingIgnoredDuringExecution" -}}
  {{- $pods := $affinity.podAffinity | default dict -}}
  {{- $_ := set $pods $field (append (get $pods $field | default list) $term) -}}
  {{- $_ := set $affinity "podAffinity" $pods -}}
{{- end -}}
{{- with $affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Where pods run that are not gateways. Takes root, own (nodeSelector, tolerations, affinity) and models. Where a single node
     mounts the claim, pods that name no nodes of their own follow the gateways to theirs. */}}
{{- define "slipway.places" -}}
{{- $gateway := dict -}}
{{- if and .models (include "slipway.oneNode" .root) }}{{ $gateway = .root.Values.gateway }}{{ end -}}
{{- with .own.nodeSelector | default $gateway.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with concat (.own.tolerations | default list) ($gateway.tolerations | default list) | uniq }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- include "slipway.affinity" (dict "root" .root "own" .own.affinity "models" .models) }}
{{- end -}}

{{/* Takes root and optionally taken: a dict whose keys are variables that are set already. */}}
{{- define "slipway.extraEnv" -}}
{{- $taken := .taken | default dict -}}
{{- if .root.Values.signatures.trustedKeys.name }}
- name: SLIPWAY_TRUSTED_KEYS
  value: /etc/slipway/trusted-keys
{{- end }}
{{- range .root.Values.extraEnv }}
{{- if not (hasKey $taken .name) }}
{{ toYaml (list .) }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "slipway.extraVolumes" -}}
{{- with .Values.signatures.trustedKeys.name }}
- name: trusted-keys
  configMap:
    name: {{ . | quote }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "slipway.extraMounts" -}}
{{- if .Values.signatures.trustedKeys.name }}
- name: trusted-keys
  mountPath: /etc/slipway/trusted-keys
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The account of all pods but Ray's heads. */}}
{{- define "slipway.account" -}}
{{- if .Values.serviceAccount.name }}{{ .Values.serviceAccount.name }}
{{- else if .Values.serviceAccount.create -}}
{{- include "slipway.bareName" (dict "root" . "endings" (list "ray" "triton") "tail" "account" "version" "v1" "kind" "ServiceAccount") -}}
{{- else }}default{{ end -}}
{{- end -}}

{{/* The account of Ray's heads, whose autoscaler calls the API server. Without `create`, one account has both roles. */}}
{{- define "slipway.rayAccount" -}}
{{- include "slipway.account" . }}{{ if .Values.serviceAccount.create }}-ray{{ end -}}
{{- end -}}

{{/* Triton's account, which may report in the status of its InferenceService. Without `create`, one account has all roles. */}}
{{- define "slipway.tritonAccount" -}}
{{- include "slipway.account" . }}{{ if .Values.serviceAccount.create }}-triton{{ end -}}
{{- end -}}

{{/* The labels of monitors and rules, by which Prometheus selects them. */}}
{{- define "slipway.monitorLabels" -}}
{{- toYaml (mergeOverwrite (fromYaml (include "slipway.labels" .)) (deepCopy .Values.metrics.labels)) -}}
{{- end -}}
