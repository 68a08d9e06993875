// Which verbs does the agent have? Apart from the registry, which others use with verbs that do nothing.
#include "harness/agent/registry.h"

namespace holdfast::agent {

Registry all_verbs() {
  Registry registry;
  add_system_verbs(registry);
  add_kexec_verbs(registry);
  add_pci_verbs(registry);
  add_vfio_verbs(registry);
  add_iommufd_verbs(registry);
  add_irq_verbs(registry);
  add_memfd_verbs(registry);
  add_luo_verbs(registry);
  add_holder_verbs(registry);
  add_register_verbs(registry);
  add_crash_verbs(registry);
  add_host_verbs(registry);
  return registry;
}

}  // namespace holdfast::agent
