// What is the agent doing, for one who cannot ask it over its link?
#include "harness/agent/occupation.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "harness/base/text.h"
#include "harness/wire/roll_call.h"

namespace holdfast::agent {

void Occupation::set(std::string verb) {
  const std::scoped_lock lock(mutex_);
  verb_ = std::move(verb);
  since_ = Deadline::Clock::now();
}

void Occupation::set_up(bool up) {
  const std::scoped_lock lock(mutex_);
  up_ = up;
}

std::string Occupation::describe() const {
  const std::scoped_lock lock(mutex_);
  if (verb_.empty()) return std::string(up_ ? wire::kIdle : wire::kComingUp);
  const auto since = std::chrono::duration_cast<std::chrono::seconds>(Deadline::Clock::now() - since_);
  return fmt::format("busy with {} for {} s", printable(verb_), since.count());
}

}  // namespace holdfast::agent
