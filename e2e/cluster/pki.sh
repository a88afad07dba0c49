#!/bin/bash
# pki.sh NODE...: certificate authority, component certificates and kubeconfigs of the cluster.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/paths.sh"

mkdir -p "$work/pki" "$work/kubeconfig"
cd "$work/pki"

key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
{
  openssl req -x509 "${key[@]}" -days 30 -subj /CN=beaconwatch-e2e-ca -keyout ca.key -out ca.crt
  openssl genrsa -out service-account.key 2048
  openssl rsa -in service-account.key -pubout -out service-account.pub
} 2>/dev/null

certificate() { # NAME SUBJECT EXTENSIONS
  {
    openssl req "${key[@]}" -subj "$2" -keyout "$1.key" -out "$1.csr"
    openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile <(printf "$3") -out "$1.crt"
  } 2>/dev/null
}

user() { # NAME SUBJECT
  certificate "$1" "$2" extendedKeyUsage=clientAuth
  cat >"../kubeconfig/$1" <<C
apiVersion: v1
kind: Config
clusters:
- name: $name
  cluster: {server: "https://$outside:6443", certificate-authority-data: $(base64 -w0 ca.crt)}
users:
- name: $1
  user: {client-certificate-data: $(base64 -w0 "$1.crt"), client-key-data: $(base64 -w0 "$1.key")}
contexts:
- name: $name
  context: {cluster: $name, user: $1}
current-context: $name
C
}

names=DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:$outside,IP:10.96.0.1
certificate apiserver /CN=kube-apiserver "subjectAltName=$names\nextendedKeyUsage=serverAuth"
certificate kubelet-client /O=system:masters/CN=apiserver-kubelet-client extendedKeyUsage=clientAuth
certificate front-proxy /CN=front-proxy-client extendedKeyUsage=clientAuth
user admin /O=system:masters/CN=admin
user kube-controller-manager /CN=system:kube-controller-manager
user kube-scheduler /CN=system:kube-scheduler
user kube-proxy /CN=system:kube-proxy
for node in "$@"; do user "$node" "/O=system:nodes/CN=system:node:$node"; done
