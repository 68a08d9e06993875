// What is OpenSSH told about the way to one host?
#pragma once

#include <filesystem>
#include <string>

#include "harness/base/result.h"
#include "lab/host.h"

namespace holdfast::lab {

/// The names under which the configuration has its machines. They are what ssh's own messages say.
inline constexpr const char* kSshHost = "holdfast-host";
inline constexpr const char* kSshJump = "holdfast-jump";
/// For sessions of a master: without one they fail, and make no connection of their own.
inline constexpr const char* kSshSession = "holdfast-session";

/// The text of an ssh_config(5) file that leaves nothing to the user's or the system's own: only the pinned keys are
/// believed, only public keys are offered, nothing is asked or forwarded. The known_hosts files that it names are
/// `folder`/known-host and `folder`/known-jump. Errors: harness.usage (a path or name that no such file can hold).
Result<std::string> ssh_config(const SshAccess& access, const std::filesystem::path& folder);

/// Writes the configuration, as `folder`/config, and the files that it names. Errors: as above, lab.io.
Result<void> write_ssh_config(const SshAccess& access, const std::filesystem::path& folder);

}  // namespace holdfast::lab
