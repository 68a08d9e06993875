// How are live update sessions made, filled, found again and finished?
#include "harness/agent/liveupdate.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>

#include "harness/agent/registry.h"
#include "harness/agent/sysfs.h"
#include "harness/agent/uapi.h"
#include "harness/base/text.h"
#include "harness/wire/verbs_luo.h"

namespace holdfast::agent {
namespace {

namespace fs = std::filesystem;

constexpr const char* kNode = "/dev/liveupdate";

/// The agent's own /dev/liveupdate; opened with the first request that needs it, and kept.
Result<int> device(State& state) {
  if (!state.liveupdate) state.liveupdate = TRY(open_liveupdate());
  return state.liveupdate.get();
}

/// Creates or retrieves the session `name`. A name of 64 bytes goes to the kernel without the 0 at its end: it is the
/// kernel's to refuse.
Result<wire::HandleReply> open_session(State& state, const std::string& name, unsigned long command,
                                       const char* command_name) {
  uapi::LuoSession session;
  if (name.size() > session.name.size()) return bad_request(fmt::format("a session's name of {} bytes", name.size()));
  std::copy(name.begin(), name.end(), session.name.begin());
  if (::ioctl(TRY(device(state)), command, &session) != 0) {
    return kernel_refused(fmt::format("{} of session \"{}\"", command_name, name), errno);
  }
  return wire::HandleReply{state.handles.add({.fd = Fd(session.fd), .what = fmt::format("session {}", name)})};
}

Result<wire::HandleReply> create(State& state, const wire::LuoSessionCreate& request) {
  return open_session(state, request.name, uapi::kLuoCreateSession, "CREATE_SESSION");
}

Result<wire::HandleReply> retrieve_session(State& state, const wire::LuoSessionRetrieve& request) {
  return open_session(state, request.name, uapi::kLuoRetrieveSession, "RETRIEVE_SESSION");
}

Result<wire::Empty> preserve(State& state, const wire::LuoPreserve& request) {
  const Held* session = TRY(state.handles.find(request.session));
  const Held* file = TRY(state.handles.find(request.file));
  uapi::LuoFile arguments{.fd = file->fd.get(), .token = request.token};
  if (::ioctl(session->fd.get(), uapi::kLuoPreserveFd, &arguments) != 0) {
    return kernel_refused(fmt::format("PRESERVE_FD of handle {} ({}) under token {} in {}", request.file, file->what,
                                      request.token, session->what),
                          errno);
  }
  return wire::Empty{};
}

Result<wire::HandleReply> retrieve(State& state, const wire::LuoRetrieve& request) {
  const Held* session = TRY(state.handles.find(request.session));
  uapi::LuoFile arguments{.token = request.token};
  if (::ioctl(session->fd.get(), uapi::kLuoRetrieveFd, &arguments) != 0) {
    return kernel_refused(fmt::format("RETRIEVE_FD of token {} from {}", request.token, session->what), errno);
  }
  return wire::HandleReply{
      state.handles.add({.fd = Fd(arguments.fd), .what = fmt::format("retrieved file {}", request.token)})};
}

Result<wire::Empty> finish(State& state, const wire::LuoFinish& request) {
  const Held* session = TRY(state.handles.find(request.session));
  uapi::LuoFinish arguments;
  if (::ioctl(session->fd.get(), uapi::kLuoFinish, &arguments) != 0) {
    return kernel_refused(fmt::format("FINISH of handle {} ({})", request.session, session->what), errno);
  }
  return wire::Empty{};
}

}  // namespace

Result<Fd> open_liveupdate() {
  Fd fd(::open(kNode, O_RDWR | O_CLOEXEC));
  if (fd) return fd;
  const int errnum = errno;
  const std::string holder = errnum == EBUSY ? liveupdate_holder() : "";
  return kernel_refused(
      holder.empty() ? fmt::format("open {}", kNode) : fmt::format("open {}, held by {}", kNode, holder), errnum);
}

std::string liveupdate_holder() {
  for (const std::string& pid : names_in("/proc")) {
    if (!parse_u64(pid)) continue;
    const fs::path process = fs::path("/proc") / pid;
    for (const std::string& fd : names_in(process / "fd")) {
      std::error_code failed;
      if (fs::read_symlink(process / "fd" / fd, failed) != kNode) continue;
      return fmt::format("pid {} ({})", pid, read_line(process / "comm"));
    }
  }
  return {};
}

void add_luo_verbs(Registry& registry) {
  registry.add(create);
  registry.add(retrieve_session);
  registry.add(preserve);
  registry.add(retrieve);
  registry.add(finish);
}

}  // namespace holdfast::agent
