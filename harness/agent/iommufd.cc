// How does a vfio device come to an address space of an iommufd, and memory into it?
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <cerrno>

#include "harness/agent/registry.h"
#include "harness/agent/uapi.h"

namespace holdfast::agent {
namespace {

Result<wire::HandleReply> open_iommufd(State& state, const wire::IommufdOpen&) {
  Fd fd(::open("/dev/iommu", O_RDWR | O_CLOEXEC));
  if (!fd) return kernel_refused("open /dev/iommu", errno);
  return wire::HandleReply{state.handles.add({.fd = std::move(fd), .what = "iommufd"})};
}

Result<wire::VfioBindIommufdReply> bind(State& state, const wire::VfioBindIommufd& request) {
  const Held* device = TRY(state.handles.find(request.device));
  const Held* iommufd = TRY(state.handles.find(request.iommufd));
  uapi::VfioBindIommufd bind{.iommufd = iommufd->fd.get()};
  if (::ioctl(device->fd.get(), uapi::kVfioBindIommufd, &bind) != 0) {
    return kernel_refused(fmt::format("VFIO_DEVICE_BIND_IOMMUFD of handle {} ({}) to handle {} ({})", request.device,
                                      device->what, request.iommufd, iommufd->what),
                          errno);
  }
  return wire::VfioBindIommufdReply{.devid = bind.out_devid};
}

Result<wire::IoasAllocReply> alloc(State& state, const wire::IoasAlloc& request) {
  const Held* iommufd = TRY(state.handles.find(request.iommufd));
  uapi::IoasAlloc alloc;
  if (::ioctl(iommufd->fd.get(), uapi::kIoasAlloc, &alloc) != 0) {
    return kernel_refused(fmt::format("IOMMU_IOAS_ALLOC in handle {} ({})", request.iommufd, iommufd->what), errno);
  }
  return wire::IoasAllocReply{.ioas = alloc.out_ioas_id};
}

Result<wire::Empty> attach(State& state, const wire::VfioAttach& request) {
  const Held* device = TRY(state.handles.find(request.device));
  uapi::VfioAttachIommufd attach{.pt_id = request.ioas};
  if (::ioctl(device->fd.get(), uapi::kVfioAttachIommufd, &attach) != 0) {
    return kernel_refused(fmt::format("VFIO_DEVICE_ATTACH_IOMMUFD_PT of handle {} ({}) to {}", request.device,
                                      device->what, request.ioas),
                          errno);
  }
  return wire::Empty{};
}

/// IOMMU_IOAS_MAP_FILE came with Linux 6.13. Before, memory is mapped by its address: the pages are pinned, so the
/// address need not stay.
int map_by_address(const Held& iommufd, const Held& memfd, uapi::IoasMap map) {
  void* memory =
      ::mmap(nullptr, map.length, PROT_READ | PROT_WRITE, MAP_SHARED, memfd.fd.get(), static_cast<off_t>(map.from));
  if (memory == MAP_FAILED) return -1;
  map.reserved_or_fd = 0;
  map.from = reinterpret_cast<uintptr_t>(memory);
  const int mapped = ::ioctl(iommufd.fd.get(), uapi::kIoasMap, &map);
  const int errnum = errno;
  ::munmap(memory, map.length);
  errno = errnum;
  return mapped;
}

Result<wire::Empty> map(State& state, const wire::IoasMap& request) {
  const Held* iommufd = TRY(state.handles.find(request.iommufd));
  const Held* memfd = TRY(state.handles.find(request.memfd));
  uapi::IoasMap map{.flags = uapi::kMapFixedIova | uapi::kMapWriteable | uapi::kMapReadable,
                    .ioas_id = request.ioas,
                    .reserved_or_fd = memfd->fd.get(),
                    .from = request.offset,
                    .length = request.length,
                    .iova = request.iova};
  int mapped = ::ioctl(iommufd->fd.get(), uapi::kIoasMapFile, &map);
  if (mapped != 0 && errno == ENOTTY) mapped = map_by_address(*iommufd, *memfd, map);
  if (mapped != 0) {
    return kernel_refused(fmt::format("map {} bytes of handle {} ({}) at {:#x} of address space {}", request.length,
                                      request.memfd, memfd->what, request.iova, request.ioas),
                          errno);
  }
  return wire::Empty{};
}

Result<wire::Empty> unmap(State& state, const wire::IoasUnmap& request) {
  const Held* iommufd = TRY(state.handles.find(request.iommufd));
  uapi::IoasUnmap unmap{.ioas_id = request.ioas, .iova = request.iova, .length = request.length};
  if (::ioctl(iommufd->fd.get(), uapi::kIoasUnmap, &unmap) != 0) {
    return kernel_refused(fmt::format("IOMMU_IOAS_UNMAP of {} bytes at {:#x} of address space {}", request.length,
                                      request.iova, request.ioas),
                          errno);
  }
  return wire::Empty{};
}

}  // namespace

void add_iommufd_verbs(Registry& registry) {
  registry.add(open_iommufd);
  registry.add(bind);
  registry.add(alloc);
  registry.add(attach);
  registry.add(map);
  registry.add(unmap);
}

}  // namespace holdfast::agent
