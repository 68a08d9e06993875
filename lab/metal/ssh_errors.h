// Why could ssh not do it, and who must act?
#pragma once

#include <string>
#include <string_view>

#include "harness/base/error.h"
#include "lab/host.h"

namespace holdfast::lab {

/// "root@192.0.2.7 port 22", and through which machine.
std::string describe(const SshAccess& access);

/// What ssh's last words mean, after it ended with its own exit code, 255. `attempted` begins the sentence: "connect".
/// Kinds, all the lab's: host-key (another key than the pinned one: nothing was sent, and trying again is wrong),
/// ssh-auth (our key is not let in), ssh-name (the address cannot be resolved), ssh-refused (nobody listens),
/// ssh-timeout (nobody answers), ssh-lost (it ended in the middle), link (whatever else). `words` become evidence.
Error ssh_error(std::string_view attempted, const SshAccess& access, std::string_view words);

/// The "SHA256:..." of the key that a server showed instead of the pinned one, where ssh has told it; else empty.
std::string shown_fingerprint(std::string_view words);

}  // namespace holdfast::lab
