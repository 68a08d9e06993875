// How is anonymous memory made, filled and read?
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "harness/agent/registry.h"

namespace holdfast::agent {
namespace {

Result<wire::HandleReply> create(State& state, const wire::MemfdCreate& request) {
  Fd fd(::memfd_create(request.name.c_str(), MFD_CLOEXEC));
  if (!fd) return kernel_refused(fmt::format("memfd_create of \"{}\"", request.name), errno);
  // A size beyond off_t becomes a negative one, which the kernel refuses.
  if (::ftruncate(fd.get(), static_cast<off_t>(request.size)) != 0) {
    return kernel_refused(fmt::format("memfd of {} bytes", request.size), errno);
  }
  return wire::HandleReply{state.handles.add({.fd = std::move(fd), .what = fmt::format("memfd {}", request.name)})};
}

Result<wire::Empty> write(State& state, const wire::MemfdWrite& request) {
  const Held* memfd = TRY(state.handles.find(request.memfd));
  size_t done = 0;
  while (done < request.blob.size()) {
    const ssize_t put = ::pwrite(memfd->fd.get(), request.blob.data() + done, request.blob.size() - done,
                                 static_cast<off_t>(request.offset + done));
    if (put <= 0) {
      return kernel_refused(fmt::format("write {} bytes at {} of handle {} ({})", request.blob.size(), request.offset,
                                        request.memfd, memfd->what),
                            put < 0 ? errno : EIO);
    }
    done += static_cast<size_t>(put);
  }
  return wire::Empty{};
}

/// Fewer bytes than asked for at the end of the file only.
Result<wire::BytesReply> read(State& state, const wire::MemfdRead& request) {
  const Held* memfd = TRY(state.handles.find(request.memfd));
  if (request.length > wire::kMaxBlob) return bad_request("that is more than a frame can carry");
  wire::BytesReply reply;
  reply.blob.resize(request.length);
  size_t done = 0;
  while (done < reply.blob.size()) {
    const ssize_t got = ::pread(memfd->fd.get(), reply.blob.data() + done, reply.blob.size() - done,
                                static_cast<off_t>(request.offset + done));
    if (got < 0) {
      return kernel_refused(fmt::format("read {} bytes at {} of handle {} ({})", request.length, request.offset,
                                        request.memfd, memfd->what),
                            errno);
    }
    if (got == 0) break;
    done += static_cast<size_t>(got);
  }
  reply.blob.resize(done);
  return reply;
}

}  // namespace

void add_memfd_verbs(Registry& registry) {
  registry.add(create);
  registry.add(write);
  registry.add(read);
}

}  // namespace holdfast::agent
