{{/* The flags that a node Job's agent gets after those that the client chooses: the admin's. */}}
{{- define "dormouse.nodeArgs" -}}
{{- $flags := list -}}
{{- if ne .Values.nodeJob.podLogs "/var/log/pods" }}{{ $flags = append $flags (printf "--enter-pod-logs=%s" .Values.nodeJob.podLogs) }}{{ end -}}
{{- $flags = concat $flags (include "dormouse.ceilings" . | fromYamlArray) (include "dormouse.sidecarArgs" . | fromYamlArray) -}}
{{- if $flags }}{{ toJson $flags }}{{ else }}[]{{ end -}}
{{- end -}}

{{/* What the agent needs to enter a pod, and to give all of that up but NET_RAW. */}}
{{- define "dormouse.nodeCapabilities" -}}
["NET_RAW", "SETGID", "SETPCAP", "SETUID", "SYS_ADMIN", "SYS_PTRACE"]
{{- end -}}

{{/* The Job as the client completes it: its name, the node, and the flags that aim it at a pod. */}}
{{- define "dormouse.nodeJob" -}}
apiVersion: batch/v1
kind: Job
metadata:
  namespace: dormouse-node
  labels: &labels
    app.kubernetes.io/name: {{ include "dormouse.name" . }}
    app.kubernetes.io/component: node-job
    app.kubernetes.io/part-of: dormouse
spec:
  parallelism: 1
  completions: 1
  backoffLimit: 0
  activeDeadlineSeconds: {{ int64 .Values.nodeJob.activeDeadlineSeconds }}
  ttlSecondsAfterFinished: {{ int64 .Values.nodeJob.ttlSecondsAfterFinished }}
  template:
    metadata:
      labels: *labels
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 5
      hostPID: true
      automountServiceAccountToken: false
      enableServiceLinks: false
      # The pod to be mirrored is on this node already, whatever taints it has.
      tolerations: [{operator: Exists}]
      {{- with .Values.sidecar.imagePullSecrets }}
      imagePullSecrets: {{ toJson . }}
      {{- end }}
      # A profile of AppArmor's or SELinux' would hide other pods' processes.
      securityContext:
        runAsUser: 0
        runAsGroup: 0
        seccompProfile: {type: RuntimeDefault}
        appArmorProfile: {type: Unconfined}
        seLinuxOptions: {type: spc_t}
      containers:
        - name: dormouse
          image: {{ include "dormouse.image" (dict "root" . "image" .Values.sidecar.image) | quote }}
          imagePullPolicy: {{ .Values.sidecar.image.pullPolicy }}
          args: {{ include "dormouse.nodeArgs" . }}
          resources:
            {{- toYaml .Values.sidecar.resources | nindent 12 }}
          # Why it could not enter: the client reads it out.
          terminationMessagePolicy: FallbackToLogsOnError
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities:
              drop: [ALL]
              add: {{ include "dormouse.nodeCapabilities" . }}
{{- end -}}

{{/* Only what is new is looked at: an object that was made under the former values of the chart must
     still be finished and removed by Kubernetes' controllers, which change its metadata. */}}
{{- define "dormouse.nodeMatchConditions" -}}
- name: new-or-changed
  expression: request.operation == "CREATE" || object.spec != oldObject.spec
{{- end -}}

{{/* What a pod of such a Job may be, as validations of a policy in which the variable `pod` is its
     specification: dict "root" $ "more" (list of fields that are there besides). Fields that are not
     named are refused, those of later versions included. */}}
{{- define "dormouse.nodePodVariables" -}}
- name: container
  expression: variables.pod.containers[0]
- name: args
  expression: "has(variables.container.args) ? variables.container.args : []"
{{- end -}}

{{- define "dormouse.nodePodValidations" -}}
{{- $args := include "dormouse.nodeArgs" .root | fromJsonArray -}}
{{- $image := include "dormouse.image" (dict "root" .root "image" .root.Values.sidecar.image) -}}
{{- $limits := .root.Values.sidecar.resources.limits -}}
{{- $keys := concat (list "activeDeadlineSeconds" "automountServiceAccountToken" "containers" "dnsPolicy" "enableServiceLinks" "hostPID" "imagePullSecrets" "nodeName" "restartPolicy" "schedulerName" "securityContext" "serviceAccount" "serviceAccountName" "terminationGracePeriodSeconds" "tolerations") .more -}}
- expression: dyn(variables.pod).all(key, key in {{ toJson $keys }})
  message: the pod has a field that a Dormouse node Job does not have, such as volumes, hostNetwork or initContainers
- expression: >-
    variables.pod.?hostPID.orValue(false) == true &&
    variables.pod.?automountServiceAccountToken.orValue(true) == false &&
    variables.pod.?enableServiceLinks.orValue(true) == false &&
    variables.pod.?serviceAccountName.orValue("default") == "default" &&
    variables.pod.?nodeName.orValue("") != "" &&
    variables.pod.?restartPolicy.orValue("") == "Never"
  message: hostPID, automountServiceAccountToken, enableServiceLinks, serviceAccountName, nodeName and restartPolicy must be as the ConfigMap dormouse-node-job has them
- expression: >-
    dyn(variables.pod).?securityContext.orValue({}) == {"runAsUser": dyn(0), "runAsGroup": dyn(0),
    "seccompProfile": dyn({"type": "RuntimeDefault"}),
    "appArmorProfile": dyn({"type": "Unconfined"}), "seLinuxOptions": dyn({"type": "spc_t"})}
  message: the pod's security context must be the one in the ConfigMap dormouse-node-job
- expression: >-
    variables.pod.containers.size() == 1 &&
    dyn(variables.container).all(key, key in ["args", "image", "imagePullPolicy", "name",
    "resources", "securityContext", "terminationMessagePath", "terminationMessagePolicy"]) &&
    variables.container.?terminationMessagePath.orValue("") == "/dev/termination-log"
  message: there must be one container, without command, env, volumeMounts, ports, probes or hooks
- expression: variables.container.image == {{ quote $image }}
  message: the image must be {{ $image }}
- expression: >-
    dyn(variables.container).?securityContext.orValue({}).all(key, key in
    ["allowPrivilegeEscalation", "capabilities", "procMount", "readOnlyRootFilesystem"]) &&
    variables.container.?securityContext.?allowPrivilegeEscalation.orValue(true) == false &&
    variables.container.?securityContext.?readOnlyRootFilesystem.orValue(false) == true &&
    variables.container.?securityContext.?procMount.orValue("Default") == "Default" &&
    dyn(variables.container).?securityContext.?capabilities.orValue({}) ==
    {"drop": ["ALL"], "add": {{ include "dormouse.nodeCapabilities" . }}}
  message: the container's security context must be the one in the ConfigMap dormouse-node-job
- expression: >-
    dyn(variables.container).?resources.orValue({}).all(key, key in ["limits", "requests"]) &&
    dyn(variables.container).?resources.?limits.orValue({}).all(key, key in ["cpu", "memory"]) &&
    dyn(variables.container).?resources.?requests.orValue({}).all(key, key in ["cpu", "memory"]) &&
    quantity(dyn(variables.container).?resources.?limits.?cpu.orValue("1000")).compareTo(quantity({{ $limits.cpu | toString | quote }})) <= 0 &&
    quantity(dyn(variables.container).?resources.?limits.?memory.orValue("1000Gi")).compareTo(quantity({{ $limits.memory | toString | quote }})) <= 0
  message: the resources must be those in the ConfigMap dormouse-node-job, of cpu and memory alone
- expression: >-
    variables.args.size() == {{ add 6 (len $args) }} &&
    variables.args[0].matches("^--enter-pod=[a-z0-9]([-a-z0-9]*[a-z0-9])?/[a-z0-9]([-.a-z0-9]*[a-z0-9])?$") &&
    variables.args[1].matches("^--enter-pod-uid=[-0-9a-f]{32,36}$") &&
    variables.args[2].matches("^--enter-container=[0-9a-f]{64}$") &&
    variables.args[3].matches("^--listen=127[.]0[.]0[.]1:[1-9][0-9]{3,4}$") &&
    variables.args[4].matches("^--token-sha256=[-_.A-Za-z0-9]{1,63}=[0-9a-f]{64}$") &&
    variables.args[5].matches("^--exit-when-idle=[1-9][0-9]{0,5}s$")
    {{- range $index, $arg := $args }} &&
    variables.args[{{ add 6 $index }}] == {{ toJson $arg }}
    {{- end }}
  message: the arguments must be --enter-pod, --enter-pod-uid, --enter-container, --listen, --token-sha256 and --exit-when-idle, in this order, and then those in the ConfigMap dormouse-node-job
{{- end -}}
