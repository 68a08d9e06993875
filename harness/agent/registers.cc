// How are registers of a device reached without its driver, or waited for through it?
#include "harness/agent/registers.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "harness/agent/registry.h"
#include "harness/agent/sysfs.h"
#include "harness/wire/verbs_registers.h"

namespace holdfast::agent {
namespace fs = std::filesystem;

namespace {

constexpr uint32_t kWord = sizeof(uint32_t);

/// Between two looks at a register that is waited for.
constexpr Millis kLookEvery{2};

Result<Fd> open_for(const fs::path& file, int flags) {
  Fd fd(::open(file.c_str(), flags | O_CLOEXEC));
  if (!fd) return kernel_refused(fmt::format("open {}", file.string()), errno);
  return fd;
}

Result<void> write_switch(const fs::path& file, std::string_view text) {
  const Fd fd = TRY(open_for(file, O_WRONLY));
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return kernel_refused(fmt::format("write \"{}\" to {}", text, file.string()), errno);
  }
  return {};
}

Result<wire::Empty> write_config(State&, const wire::PciConfigWrite& request) {
  const fs::path device = TRY(pci_device(request.bdf));
  TRY(write_at(device / "config", request.offset, request.blob));
  return wire::Empty{};
}

Result<wire::BytesReply> read_bar(State&, const wire::PciBarRead& request) {
  if (request.length > wire::kMaxBlob) return bad_request("that is more than a frame can carry");
  const fs::path device = TRY(pci_device(request.bdf));
  TRY(write_switch(device / "enable", "1"));
  auto words = read_words(device / fmt::format("resource{}", request.bar), request.offset, request.length);
  const auto disabled = write_switch(device / "enable", "0");
  if (!words) return std::move(words).error();
  if (!disabled) return disabled.error();
  return wire::BytesReply{.blob = *std::move(words)};
}

/// Where a register of four bytes stands in the device's file.
Result<off_t> place_of(const Held& device, uint32_t index, uint64_t offset) {
  vfio_region_info region{};
  region.argsz = sizeof region;
  region.index = index;
  if (::ioctl(device.fd.get(), VFIO_DEVICE_GET_REGION_INFO, &region) != 0) {
    return kernel_refused(fmt::format("VFIO_DEVICE_GET_REGION_INFO {} of {}", index, device.what), errno);
  }
  if (region.size < kWord || offset > region.size - kWord) {
    return bad_request(fmt::format("a register at {:#x} is outside of region {}", offset, index));
  }
  return static_cast<off_t>(region.offset + offset);
}

Result<wire::VfioAwaitReply> await_register(State& state, const wire::VfioAwait& request) {
  const Held* device = TRY(state.handles.find(request.device));
  const off_t at = TRY(place_of(*device, request.region, request.offset));
  const Deadline deadline = state.deadline(request.wait_ms);
  wire::VfioAwaitReply reply;
  while (true) {
    const ssize_t got = ::pread(device->fd.get(), &reply.last, kWord, at);
    if (got != static_cast<ssize_t>(kWord)) {
      return kernel_refused(
          fmt::format("read a register at {:#x} of region {} of {}", request.offset, request.region, device->what),
          got < 0 ? errno : EIO);
    }
    reply.reached = (reply.last & request.mask) == request.value;
    if (reply.reached || deadline.expired() || deadline.stopped()) return reply;
    wait_until(deadline.at_most(kLookEvery));
  }
}

Result<wire::Empty> keep_busy(State& state, const wire::VfioKeepBusy& request) {
  const Held* device = TRY(state.handles.find(request.device));
  const Held* memfd = TRY(state.handles.find(request.memfd));
  BusyWork work{.device = Fd(::fcntl(device->fd.get(), F_DUPFD_CLOEXEC, 0)),
                .memory = Fd(::fcntl(memfd->fd.get(), F_DUPFD_CLOEXEC, 0)),
                .wipe = request.wipe,
                .writes = {}};
  if (!work.device || !work.memory) return system_error("duplicate a descriptor", errno);
  for (const wire::RegisterValue& one : request.writes) {
    work.writes.push_back({.at = TRY(place_of(*device, request.region, one.offset)), .value = one.value});
  }
  TRY(state.busy.start(std::move(work)));
  return wire::Empty{};
}

}  // namespace

Result<void> write_at(const fs::path& file, uint64_t offset, const wire::Bytes& bytes) {
  const Fd fd = TRY(open_for(file, O_WRONLY));
  const ssize_t put = ::pwrite(fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
  if (put != static_cast<ssize_t>(bytes.size())) {
    return kernel_refused(fmt::format("write {} bytes at {:#x} of {}", bytes.size(), offset, file.string()),
                          put < 0 ? errno : EIO);
  }
  return {};
}

Result<wire::Bytes> read_words(const fs::path& file, uint64_t offset, uint32_t length) {
  const Fd fd = TRY(open_for(file, O_RDONLY));
  struct stat facts{};
  if (::fstat(fd.get(), &facts) != 0) return kernel_refused(fmt::format("look at {}", file.string()), errno);
  const auto size = static_cast<uint64_t>(facts.st_size);
  if (offset % kWord != 0 || length % kWord != 0 || length == 0 || offset > size || length > size - offset) {
    return bad_request(fmt::format("{} bytes at {:#x} are no whole words within the {:#x} of {}", length, offset, size,
                                   file.string()));
  }
  const auto page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  const uint64_t start = offset - offset % page;
  const size_t span = static_cast<size_t>(offset - start) + length;
  void* memory = ::mmap(nullptr, span, PROT_READ, MAP_SHARED, fd.get(), static_cast<off_t>(start));
  if (memory == MAP_FAILED) return kernel_refused(fmt::format("map {}", file.string()), errno);
  const auto* first = reinterpret_cast<const volatile uint32_t*>(static_cast<const char*>(memory) + (offset - start));
  wire::Bytes bytes(length);
  for (size_t i = 0; i < length / kWord; ++i) {
    const uint32_t word = first[i];
    std::memcpy(bytes.data() + i * kWord, &word, kWord);
  }
  ::munmap(memory, span);
  return bytes;
}

void add_register_verbs(Registry& registry) {
  registry.add(write_config);
  registry.add(read_bar);
  registry.add(await_register);
  registry.add(keep_busy);
}

}  // namespace holdfast::agent
