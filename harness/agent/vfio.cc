// How are vfio devices opened, looked at, read, written and reset?
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>

#include <cerrno>

#include "harness/agent/registry.h"
#include "harness/agent/sysfs.h"

namespace holdfast::agent {
namespace {

namespace fs = std::filesystem;

Result<Fd> open_node(const fs::path& node) {
  Fd fd(::open(node.c_str(), O_RDWR | O_CLOEXEC));
  if (!fd) return kernel_refused(fmt::format("open {}", node.string()), errno);
  return fd;
}

Result<wire::HandleReply> open_cdev(State& state, const wire::VfioOpenCdev& request) {
  const fs::path device = TRY(pci_device(request.bdf));
  const auto names = names_in(device / "vfio-dev");  // "vfio0", or "noiommu-vfio0"
  if (names.empty()) {
    return kernel_refused_because(fmt::format("{} has no vfio character device: ENODEV (bound to {})", request.bdf,
                                              driver_of(request.bdf).empty() ? "no driver" : driver_of(request.bdf)),
                                  ENODEV);
  }
  Fd fd = TRY(open_node(fs::path("/dev/vfio/devices") / names.front()));
  return wire::HandleReply{
      state.handles.add({.fd = std::move(fd), .what = fmt::format("vfio device {}", request.bdf)})};
}

/// The way of Linux 2.6 to 6.5, with an iommufd in the container's place.
Result<wire::HandleReply> open_group(State& state, const wire::VfioOpenGroup& request) {
  const fs::path device = TRY(pci_device(request.bdf));
  const std::string number = link_name(device / "iommu_group");
  if (number.empty()) return kernel_refused_because(fmt::format("{} has no IOMMU group: ENODEV", request.bdf), ENODEV);
  std::error_code ignored;
  fs::path node = fs::path("/dev/vfio") / number;
  if (!fs::exists(node, ignored)) node = fs::path("/dev/vfio") / ("noiommu-" + number);
  Fd group = TRY(open_node(node));
  Fd container = TRY(open_node("/dev/iommu"));
  int32_t container_fd = container.get();
  if (::ioctl(group.get(), VFIO_GROUP_SET_CONTAINER, &container_fd) != 0) {
    return kernel_refused(fmt::format("VFIO_GROUP_SET_CONTAINER of {}", node.string()), errno);
  }
  Fd fd(::ioctl(group.get(), VFIO_GROUP_GET_DEVICE_FD, request.bdf.c_str()));
  if (!fd) return kernel_refused(fmt::format("VFIO_GROUP_GET_DEVICE_FD of {}", request.bdf), errno);
  Held held{.fd = std::move(fd), .what = fmt::format("vfio device {} by its group", request.bdf)};
  held.keeps.push_back(std::move(group));
  held.keeps.push_back(std::move(container));
  return wire::HandleReply{state.handles.add(std::move(held))};
}

Result<wire::HandleReply> open_allowed_node(State& state, const wire::NodeOpen& request) {
  const fs::path path = fs::path(request.path).lexically_normal();
  const bool below_vfio = path.string().starts_with("/dev/vfio/") && path.has_filename();
  if (path != request.path || (!below_vfio && path != "/dev/null")) {
    return bad_request(
        fmt::format("node_open opens /dev/null and what stands below /dev/vfio, not \"{}\"", request.path));
  }
  Fd fd = TRY(open_node(path));
  return wire::HandleReply{state.handles.add({.fd = std::move(fd), .what = path.string()})};
}

Result<wire::Empty> close_handle(State& state, const wire::Close& request) {
  TRY(state.handles.close(request.handle));
  return wire::Empty{};
}

Result<vfio_region_info> region_info(const Held& device, uint32_t index) {
  vfio_region_info info{};
  info.argsz = sizeof info;
  info.index = index;
  if (::ioctl(device.fd.get(), VFIO_DEVICE_GET_REGION_INFO, &info) != 0) {
    return kernel_refused(fmt::format("VFIO_DEVICE_GET_REGION_INFO {} of {}", index, device.what), errno);
  }
  return info;
}

Result<wire::VfioInfoReply> info(State& state, const wire::VfioInfo& request) {
  const Held* device = TRY(state.handles.find(request.device));
  vfio_device_info about{};
  about.argsz = sizeof about;
  if (::ioctl(device->fd.get(), VFIO_DEVICE_GET_INFO, &about) != 0) {
    return kernel_refused(fmt::format("VFIO_DEVICE_GET_INFO of handle {} ({})", request.device, device->what), errno);
  }
  wire::VfioInfoReply reply;
  reply.flags = about.flags;
  for (uint32_t index = 0; index < about.num_regions; ++index) {
    // What a device does not have (VGA, for most) is answered with EINVAL, and left out.
    const auto region = region_info(*device, index);
    if (region) reply.regions.push_back({.index = index, .flags = region->flags, .size = region->size});
  }
  for (uint32_t index = 0; index < about.num_irqs; ++index) {
    vfio_irq_info irq{};
    irq.argsz = sizeof irq;
    irq.index = index;
    if (::ioctl(device->fd.get(), VFIO_DEVICE_GET_IRQ_INFO, &irq) != 0) continue;
    reply.irqs.push_back({.index = index, .flags = irq.flags, .count = irq.count});
  }
  return reply;
}

/// Where `size` bytes at `offset` of a region stand in the device file.
Result<off_t> place_in_region(const Held& device, uint32_t region, uint64_t offset, uint64_t size) {
  const vfio_region_info about = TRY(region_info(device, region));
  if (offset > about.size || size > about.size - offset) {
    return bad_request(fmt::format("{} bytes at {} are outside of region {}, which has {}", size, offset, region,
                                   static_cast<uint64_t>(about.size)));
  }
  return static_cast<off_t>(about.offset + offset);
}

Result<wire::BytesReply> read_region(State& state, const wire::VfioRead& request) {
  const Held* device = TRY(state.handles.find(request.device));
  if (request.length > wire::kMaxBlob) return bad_request("that is more than a frame can carry");
  const off_t at = TRY(place_in_region(*device, request.region, request.offset, request.length));
  wire::BytesReply reply;
  reply.blob.resize(request.length);
  size_t filled = 0;
  while (filled < reply.blob.size()) {
    const ssize_t got = ::pread(device->fd.get(), reply.blob.data() + filled, reply.blob.size() - filled,
                                at + static_cast<off_t>(filled));
    if (got <= 0) {
      return kernel_refused(fmt::format("read {} bytes at {:#x} of region {} of {}", request.length, request.offset,
                                        request.region, device->what),
                            got < 0 ? errno : EIO);
    }
    filled += static_cast<size_t>(got);
  }
  return reply;
}

/// In one call: a register of four bytes wants one access of four bytes.
Result<wire::Empty> write_region(State& state, const wire::VfioWrite& request) {
  const Held* device = TRY(state.handles.find(request.device));
  const off_t at = TRY(place_in_region(*device, request.region, request.offset, request.blob.size()));
  const ssize_t put = ::pwrite(device->fd.get(), request.blob.data(), request.blob.size(), at);
  if (put != static_cast<ssize_t>(request.blob.size())) {
    return kernel_refused(fmt::format("write {} bytes at {:#x} of region {} of {}", request.blob.size(), request.offset,
                                      request.region, device->what),
                          put < 0 ? errno : EIO);
  }
  return wire::Empty{};
}

Result<wire::Empty> reset(State& state, const wire::VfioReset& request) {
  const Held* device = TRY(state.handles.find(request.device));
  if (::ioctl(device->fd.get(), VFIO_DEVICE_RESET) != 0) {
    return kernel_refused(fmt::format("VFIO_DEVICE_RESET of handle {} ({})", request.device, device->what), errno);
  }
  return wire::Empty{};
}

}  // namespace

void add_vfio_verbs(Registry& registry) {
  registry.add(open_cdev);
  registry.add(open_group);
  registry.add(open_allowed_node);
  registry.add(close_handle);
  registry.add(info);
  registry.add(read_region);
  registry.add(write_region);
  registry.add(reset);
}

}  // namespace holdfast::agent
