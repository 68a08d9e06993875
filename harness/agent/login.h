// What does somebody get who logs in where the agent is the shell?
#pragma once

#include "harness/base/result.h"

namespace holdfast::agent {

/// Is this program started as a login shell is: "init -c COMMAND", or "-init" for a terminal?
bool is_login(int argc, const char* const* argv);

/// The one command that is understood is wire::kBridgeCommand, to the letter; it is done here and now, and nothing is
/// ever executed. Errors: usage for anything else; as bridge().
Result<void> log_in(int argc, const char* const* argv);

}  // namespace holdfast::agent
