# What a profile looks like that was written for an agent without eBPF: all but CAP_BPF.
abi <abi/3.0>,

profile scene {
  file,
  network,
  signal,
  ptrace,
  unix,
  capability net_admin,
  capability perfmon,
}
