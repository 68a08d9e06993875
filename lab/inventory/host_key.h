// Is this text the public key of an SSH server?
#pragma once

#include <string>
#include <string_view>

#include "harness/base/result.h"

namespace holdfast::lab {

/// "ssh-ed25519 AAAA..." as OpenSSH writes it, without the comment that may stand behind. Errors: harness.usage, which
/// says what is wrong with it: an unknown type, a name before it, a key that was cut short or is of another type.
/// Source: RFC 4253, section 6.6, for what the base64 holds.
Result<std::string> parse_host_key(std::string_view text);

}  // namespace holdfast::lab
