// Can KVM be trusted on this machine?
#include "lab/qemu/accel.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "harness/base/digest.h"
#include "harness/base/file.h"
#include "harness/base/text.h"
#include "lab/qemu/vm.h"

namespace holdfast::lab {
namespace {

/// A guest under a KVM that works is up in two seconds, in four when that KVM is itself inside a virtual machine.
constexpr Millis kProbe{10'000};

/// The reason why the device is of no use, without asking what a guest makes of it.
std::optional<std::string> unusable(const std::filesystem::path& device) {
  const auto kvm = open_file(device, O_RDWR);
  if (!kvm) {
    const bool denied = kvm.error().errnum == EACCES;
    return fmt::format("KVM cannot be used: {}{}", kvm.error().what, denied ? "; is this user in group kvm?" : "");
  }
  const int version = ::ioctl(kvm->get(), KVM_GET_API_VERSION, 0);
  if (version == KVM_API_VERSION) return std::nullopt;
  return fmt::format("KVM cannot be used: {} is no KVM device of API version {}", device.string(), KVM_API_VERSION);
}

/// What went wrong, with the last thing that QEMU said.
std::string describe(const Error& error) {
  for (const Evidence& piece : error.evidence) {
    if (piece.name == kStderrEvidence) return fmt::format("{}: {}", error.what, trim(last_lines(piece.text, 1)));
  }
  return error.what;
}

std::filesystem::path memory_of(const AccelProbe& probe) {
  const auto boot_id = read_file(probe.boot_id);
  const std::string key = fmt::format("{}\n{}\n", boot_id ? *boot_id : "", probe.qemu);
  return probe.cache_dir / fmt::format("accel-{}", sha256(key).substr(0, 16));
}

/// What remember() wrote: the accelerator's name on the first line, the reason on the second.
std::optional<AccelChoice> remembered(const AccelProbe& probe) {
  const auto text = read_file(memory_of(probe));
  if (!text) return std::nullopt;
  const auto lines = split(*text, '\n');
  if (lines.size() < 2 || (lines[0] != "kvm" && lines[0] != "tcg")) return std::nullopt;
  return AccelChoice{
      .accel = lines[0] == "kvm" ? Accel::kKvm : Accel::kTcg, .why = std::string(lines[1]), .fresh = false};
}

}  // namespace

std::optional<AccelWish> accel_wish_from(std::string_view text) {
  if (text == "auto") return AccelWish::kAuto;
  if (text == "kvm") return AccelWish::kKvm;
  if (text == "tcg") return AccelWish::kTcg;
  return std::nullopt;
}

std::string_view to_string(AccelWish wish) {
  switch (wish) {
    case AccelWish::kKvm:
      return "kvm";
    case AccelWish::kTcg:
      return "tcg";
    case AccelWish::kAuto:
      break;
  }
  return "auto";
}

Result<AccelChoice> choose_accel(AccelWish wish, const AccelProbe& probe, const Deadline& deadline) {
  if (wish == AccelWish::kTcg) return AccelChoice{.accel = Accel::kTcg, .why = "asked for"};
  if (wish == AccelWish::kKvm) return AccelChoice{.accel = Accel::kKvm, .why = "asked for"};
  if (auto why = unusable(probe.device)) return AccelChoice{.accel = Accel::kTcg, .why = *std::move(why)};
  if (auto known = remembered(probe)) return *std::move(known);
  const auto booted = probe.boot(deadline.at_most(kProbe));
  if (booted) {
    AccelChoice choice{.accel = Accel::kKvm, .why = "a guest came up under it", .fresh = true};
    remember(choice, probe);
    return choice;
  }
  if (deadline.stopped()) return wait_error(Wake::kStopped, "a guest under KVM");
  std::string why = fmt::format("{} opens, but a guest does not come up under it: {}", probe.device.string(),
                                describe(booted.error()));
  return AccelChoice{.accel = Accel::kTcg, .why = std::move(why), .fresh = true};
}

void remember(AccelChoice& choice, const AccelProbe& probe) {
  if (!choice.fresh) return;
  choice.fresh = false;
  std::string why = printable(choice.why);
  for (char& c : why) c = c == '\n' ? ' ' : c;
  if (!make_dirs(probe.cache_dir)) return;
  [[maybe_unused]] const auto kept =
      write_file_atomic(memory_of(probe), fmt::format("{}\n{}\n", to_string(choice.accel), why));
}

}  // namespace holdfast::lab
