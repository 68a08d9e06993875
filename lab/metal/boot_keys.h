// Which keys does one boot of a kernel under test have?
#pragma once

#include <filesystem>
#include <string>

#include "harness/base/deadline.h"
#include "harness/base/result.h"

namespace holdfast::lab {

/// Made for one boot and pinned to it: who shows this host key runs the payload that was made with it.
struct BootKeys {
  std::filesystem::path user;  ///< private key of the controller, for its owner only
  std::string user_public;     ///< "ssh-ed25519 AAAA..."
  std::string host_private;    ///< in PEM form; a secret
  std::string host_public;
};

/// Writes the keys into `folder`, which is private and new. Errors: lab.exec, lab.io.
Result<BootKeys> make_boot_keys(const std::filesystem::path& folder, const Deadline& deadline);

}  // namespace holdfast::lab
