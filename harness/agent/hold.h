// How does an agent stop before its boot is a boot of its own, and go on as one?
#pragma once

#include <functional>
#include <string_view>

#include "harness/agent/channel.h"
#include "harness/base/result.h"
#include "harness/wire/verbs_fork.h"

namespace holdfast::agent {

/// Does the command line ask for it (wire::kHoldWord)?
bool is_to_hold(std::string_view cmdline);

/// The kernel takes the seed as entropy, draws from it from now on, and has the time. Errors: harness.refused for a
/// seed that is too short, the kernel's.
Result<void> begin_anew(const wire::Begin& begin);

/// Says that it holds, and waits until it is told to go on and `begin` has worked. All else that is asked gets no
/// answer. Ends early only when the channel is lost.
void hold(Channel& channel, const std::function<Result<void>(const wire::Begin&)>& begin = begin_anew);

}  // namespace holdfast::agent
