// Which keys does one boot of a kernel under test have?
#include "lab/metal/boot_keys.h"

#include <fmt/format.h>

#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/base/text.h"

namespace holdfast::lab {
namespace {

namespace fs = std::filesystem;

/// Gives the public half.
Result<std::string> make_key(const fs::path& path, const Deadline& deadline) {
  const auto made =
      TRY(run({.argv = {"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path.string()}}, deadline));
  if (!made.status.success()) {
    return lab_error("exec", fmt::format("ssh-keygen: {}: {}", made.status.describe(), trim(made.err)));
  }
  const std::string text = TRY(read_file(path.string() + ".pub"));
  return std::string(trim(text));
}

}  // namespace

Result<BootKeys> make_boot_keys(const fs::path& folder, const Deadline& deadline) {
  BootKeys keys{.user = folder / "user", .user_public = {}, .host_private = {}, .host_public = {}};
  keys.user_public = TRY(make_key(keys.user, deadline));
  keys.host_public = TRY(make_key(folder / "host", deadline));
  keys.host_private = TRY(read_file(folder / "host"));
  return keys;
}

}  // namespace holdfast::lab
