// Which agent is this, and on which kernel does it run?
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/wire/verbs_system.h"

namespace holdfast::agent {

/// What the agent says when a link comes up. What cannot be found out stays empty, and is a warning.
wire::Hello introduce(bool is_init, std::vector<std::string> warnings);

/// The GNU build-id in ELF notes such as /sys/kernel/notes, as hex; empty when there is none.
std::string build_id_in(std::string_view notes);

/// CLOCK_BOOTTIME in ms.
uint64_t uptime_ms();
/// The same clock when this was called for the first time, which run_as_init() does before anything else.
uint64_t began_ms();

}  // namespace holdfast::agent
