// What can the agent be asked to do with an open vfio device, an iommufd, a memfd?
//
// Every open file is a handle: a number that the agent gave out and that stays valid, whatever becomes of the
// connection, until it is closed or the kernel goes.
#pragma once

#include "harness/wire/verbs_system.h"

namespace holdfast::wire {

using Handle = uint64_t;

struct HandleReply {
  Handle handle = 0;
};

/// Opens the device's own character device under /dev/vfio/devices. Not bound to an iommufd yet.
struct VfioOpenCdev {
  static constexpr std::string_view kVerb = "vfio_open_cdev";
  using Reply = HandleReply;
  std::string bdf;
};
/// Opens the device the older way: group, container (an iommufd), VFIO_GROUP_GET_DEVICE_FD.
struct VfioOpenGroup {
  static constexpr std::string_view kVerb = "vfio_open_group";
  using Reply = HandleReply;
  std::string bdf;
};
struct IommufdOpen {
  static constexpr std::string_view kVerb = "iommufd_open";
  using Reply = HandleReply;
};
/// Opens a device node by path; only /dev/null and what stands below /dev/vfio.
struct NodeOpen {
  static constexpr std::string_view kVerb = "node_open";
  using Reply = HandleReply;
  std::string path;
};
struct Close {
  static constexpr std::string_view kVerb = "close";
  using Reply = Empty;
  Handle handle = 0;
};

struct VfioBindIommufdReply {
  uint32_t devid = 0;
};
struct VfioBindIommufd {
  static constexpr std::string_view kVerb = "vfio_bind_iommufd";
  using Reply = VfioBindIommufdReply;
  Handle device = 0;
  Handle iommufd = 0;
};

struct IoasAllocReply {
  uint32_t ioas = 0;
};
struct IoasAlloc {
  static constexpr std::string_view kVerb = "ioas_alloc";
  using Reply = IoasAllocReply;
  Handle iommufd = 0;
};
struct VfioAttach {
  static constexpr std::string_view kVerb = "vfio_attach";
  using Reply = Empty;
  Handle device = 0;
  uint32_t ioas = 0;
};
/// Maps `length` bytes of a memfd at `iova`, readable and writable by the device.
struct IoasMap {
  static constexpr std::string_view kVerb = "ioas_map";
  using Reply = Empty;
  Handle iommufd = 0;
  uint32_t ioas = 0;
  Handle memfd = 0;
  uint64_t offset = 0;
  uint64_t length = 0;
  uint64_t iova = 0;
};
struct IoasUnmap {
  static constexpr std::string_view kVerb = "ioas_unmap";
  using Reply = Empty;
  Handle iommufd = 0;
  uint32_t ioas = 0;
  uint64_t iova = 0;
  uint64_t length = 0;
};

struct VfioRegion {
  uint32_t index = 0;
  uint32_t flags = 0;
  uint64_t size = 0;
};
struct VfioIrq {
  uint32_t index = 0;
  uint32_t flags = 0;
  uint32_t count = 0;
};
struct VfioInfoReply {
  uint32_t flags = 0;  ///< VFIO_DEVICE_FLAGS_*
  std::vector<VfioRegion> regions;
  std::vector<VfioIrq> irqs;
};
struct VfioInfo {
  static constexpr std::string_view kVerb = "vfio_info";
  using Reply = VfioInfoReply;
  Handle device = 0;
};

struct BytesReply {
  Bytes blob;
};
/// pread at the region's offset; region index as in linux/vfio.h (7 is config space).
struct VfioRead {
  static constexpr std::string_view kVerb = "vfio_read";
  using Reply = BytesReply;
  Handle device = 0;
  uint32_t region = 0;
  uint64_t offset = 0;
  uint32_t length = 0;
};
struct VfioWrite {
  static constexpr std::string_view kVerb = "vfio_write";
  using Reply = Empty;
  Handle device = 0;
  uint32_t region = 0;
  uint64_t offset = 0;
  Bytes blob;
};

/// Interrupts of one kind on (`count` eventfds, held by the agent) or off (count 0). index: 0 INTx, 1 MSI, 2 MSI-X.
struct VfioIrqSet {
  static constexpr std::string_view kVerb = "vfio_irq_set";
  using Reply = Empty;
  Handle device = 0;
  uint32_t index = 0;
  uint32_t count = 0;
};
/// Waits until the eventfd of one interrupt was signalled; tells how often since the last time.
struct VfioIrqWaitReply {
  uint64_t count = 0;
};
struct VfioIrqWait {
  static constexpr std::string_view kVerb = "vfio_irq_wait";
  using Reply = VfioIrqWaitReply;
  Handle device = 0;
  uint32_t index = 0;
  uint32_t vector = 0;
  uint64_t wait_ms = 1000;
};
struct VfioReset {
  static constexpr std::string_view kVerb = "vfio_reset";
  using Reply = Empty;
  Handle device = 0;
};

/// A new memfd of `size` bytes.
struct MemfdCreate {
  static constexpr std::string_view kVerb = "memfd_create";
  using Reply = HandleReply;
  std::string name;
  uint64_t size = 0;
};
struct MemfdWrite {
  static constexpr std::string_view kVerb = "memfd_write";
  using Reply = Empty;
  Handle memfd = 0;
  uint64_t offset = 0;
  Bytes blob;
};
struct MemfdRead {
  static constexpr std::string_view kVerb = "memfd_read";
  using Reply = BytesReply;
  Handle memfd = 0;
  uint64_t offset = 0;
  uint32_t length = 0;
};

}  // namespace holdfast::wire
