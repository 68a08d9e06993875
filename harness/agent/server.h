// How is one controller served, from its hello to its end?
#pragma once

#include <string_view>

#include "harness/agent/registry.h"

namespace holdfast::agent {

/// Says hello, then answers one request after the other until the peer is gone or the agent is asked to end. What is
/// held stays held.
void serve_peer(State& state, const Registry& registry, Channel& channel);

/// One line to whoever looks at standard error: the console, when the agent is init. What cannot be written is lost.
void say(std::string_view line);

}  // namespace holdfast::agent
