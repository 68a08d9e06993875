// Which files does the agent hold open for its controllers?
#include "harness/agent/handles.h"

#include <fmt/format.h>

#include <cerrno>

#include "harness/agent/refusal.h"

namespace holdfast::agent {

wire::Handle Handles::add(Held held) {
  held_.emplace(next_, std::move(held));
  return next_++;
}

Result<Held*> Handles::find(wire::Handle handle) {
  const auto found = held_.find(handle);
  if (found == held_.end()) return bad_request(fmt::format("there is no handle {}", handle));
  return &found->second;
}

Result<void> Handles::close(wire::Handle handle) {
  Held* held = TRY(find(handle));
  const std::string what = held->what;
  const int closed = ::close(held->fd.release());
  const int errnum = errno;
  held_.erase(handle);
  if (closed != 0) return kernel_refused(fmt::format("close of handle {} ({})", handle, what), errnum);
  return {};
}

void Handles::close_all() {
  while (!held_.empty()) held_.erase(std::prev(held_.end()));
}

}  // namespace holdfast::agent
