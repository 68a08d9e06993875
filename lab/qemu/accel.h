// Can KVM be trusted on this machine?
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "harness/base/deadline.h"
#include "lab/qemu/argv.h"

namespace holdfast::lab {

/// What the user asked for.
enum class AccelWish { kAuto, kKvm, kTcg };

/// "auto", "kvm", "tcg".
std::optional<AccelWish> accel_wish_from(std::string_view text);
std::string_view to_string(AccelWish wish);

/// What it came to.
struct AccelChoice {
  Accel accel = Accel::kTcg;
  std::string why;     ///< one sentence for reports
  bool fresh = false;  ///< found out just now, and not yet remembered
};

/// How the choice is made. The defaults are those of a real machine; tests put others in.
struct AccelProbe {
  std::string qemu;                 ///< which QEMU it is: another one is probed anew
  std::filesystem::path cache_dir;  ///< remembers the outcome until this machine boots again
  /// Boots a guest under KVM up to its agent. What it does not reach within its deadline counts as failure.
  std::function<Result<void>(const Deadline&)> boot;
  std::filesystem::path device = "/dev/kvm";
  std::filesystem::path boot_id = "/proc/sys/kernel/random/boot_id";
};

/// `kAuto` proves KVM by booting a guest: a /dev/kvm that opens proves nothing. The outcome is remembered when it is
/// KVM. When it is not, remember() is to be called once a guest has come up without: until then it may be the guest's
/// own fault. Errors: harness.stopped only.
Result<AccelChoice> choose_accel(AccelWish wish, const AccelProbe& probe, const Deadline& deadline);

/// Keeps a fresh choice for the next time. Best effort.
void remember(AccelChoice& choice, const AccelProbe& probe);

}  // namespace holdfast::lab
