// Step: kernel A loads kernel B and leaves for it; what comes up must be kernel B, and by no other way than kexec.
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/scenario.h"
#include "harness/steps/native_drivers.h"

namespace holdfast {
namespace {

/// A word of the command line that only this kexec of this case can have put there.
std::string nonce_word(const std::string& nonce, int kexecs) {
  return fmt::format("holdfast.nonce={}.{}", nonce, kexecs);
}

Error not_kexec(std::string why, const wire::Hello& now) {
  return kernel_error("not-kexec", std::move(why))
      .with("came up", fmt::format("release {}\nbuild-id {}\nboot_id {}\ncommand line {}", now.release, now.build_id,
                                   now.boot_id, now.cmdline));
}

/// The proof has four parts. The fourth, that no firmware came by, is the target's to tell: Target::alive().
Result<void> prove_kexec(const wire::Hello& old, const wire::Hello& now, const KernelImage& loaded,
                         const std::string& nonce) {
  if (now.boot_id == old.boot_id) return not_kexec("the boot_id is the old one: this is still kernel A", now);
  const auto words = split(now.cmdline, ' ');
  if (std::ranges::find(words, std::string_view(nonce)) == words.end()) {
    return not_kexec(fmt::format("the kernel that came up does not have {} in its command line", nonce), now);
  }
  if (!loaded.build_id.empty() && now.build_id != loaded.build_id) {
    return not_kexec(
        fmt::format("the kernel that came up has build-id {}, the one loaded has {}", now.build_id, loaded.build_id),
        now);
  }
  if (loaded.build_id.empty() && now.release != loaded.release) {
    return not_kexec(fmt::format("the kernel that came up is {}, the one loaded is {}", now.release, loaded.release),
                     now);
  }
  return {};
}

}  // namespace

const KernelImage& Scenario::image_for(const KexecOptions& options) const {
  if (options.kernel.empty()) return setup_.next_kernel;
  if (options.kernel == kKernelA) return setup_.kernel;
  const auto found = setup_.other_kernels.find(options.kernel);
  if (found == setup_.other_kernels.end()) std::abort();  // a case goes nowhere that its Needs do not name
  return found->second;
}

Result<wire::KexecLoad> Scenario::make_load(Running& kernel, const KexecOptions& options, const Deadline& deadline) {
  std::vector<std::string> words{setup_.target.base_cmdline(), setup_.next_append, options.append,
                                 nonce_word(nonce_, kexecs_ + 1)};
  if (!options.expected.empty()) {
    add_native_drivers(options.expected, natives_);
    words.push_back(TRY(keep_drivers_off(natives_, setup_.target.vital_drivers())));
  }
  const KernelImage& image = image_for(options);
  // Read again only where it has to be sent: what it was when it was looked at is what is meant.
  std::string digest = image.sha256;
  const bool there = TRY(kernel.agent().call(wire::Have{.sha256 = digest}, deadline)).have;
  if (!there) digest = TRY(kernel.agent().upload(image.path, deadline));
  return wire::KexecLoad{
      .kernel = std::move(digest), .initrd = setup_.target.next_initrd(), .cmdline = join_words(std::move(words))};
}

Result<void> Scenario::load_next(Running& kernel, const KexecOptions& options) {
  return in_phase<void>(Phase::kLoad, [&](const Deadline& deadline) -> Result<void> {
    const wire::KexecLoad load = TRY(make_load(kernel, options, deadline));
    TRY_IN(fmt::format("load {}", image_for(options).path.string()), kernel.agent().call(load, deadline));
    return {};
  });
}

Result<std::string> Scenario::load_refused(Running& kernel, const KexecOptions& options) {
  return in_phase<std::string>(Phase::kLoad, [&](const Deadline& deadline) -> Result<std::string> {
    const wire::KexecLoad load = TRY(make_load(kernel, options, deadline));
    const auto loaded = kernel.agent().call(load, deadline);
    return refusal_of("kexec_file_load", loaded ? nullptr : &loaded.error());
  });
}

Result<std::string> Scenario::kexec_refused(Running& kernel) {
  TRY(load_next(kernel, {}));
  return in_phase<std::string>(Phase::kKexec, [&](const Deadline& deadline) -> Result<std::string> {
    auto left = kernel.agent().leave(deadline);
    // Freezing and thawing several devices may take longer than leave() listens: the refusal then is the next that
    // comes.
    if (!left) return refusal_of("reboot(LINUX_REBOOT_CMD_KEXEC)", &left.error());
    // Only a next kernel says that the kexec was accepted: silence may be a hang, or a machine that is gone.
    auto next = setup_.target.connect(deadline);
    return refusal_of("reboot(LINUX_REBOOT_CMD_KEXEC)", next ? nullptr : &next.error());
  });
}

Result<PciSnapshot> Scenario::look_before_leaving(Agent& agent) {
  return in_phase<PciSnapshot>(Phase::kSnapshot, [&](const Deadline& deadline) -> Result<PciSnapshot> {
    auto pci = TRY(snapshot(agent, "before", deadline));
    TRY(fetch_log(agent, deadline));
    TRY(write_file(file_for_kexec("dmesg.before", ""), log_));
    return pci;
  });
}

Result<std::unique_ptr<Agent>> Scenario::meet_next(const wire::Hello& left_behind, const KernelImage& image) {
  auto agent = TRY(
      in_phase<std::unique_ptr<Agent>>(Phase::kWait, [&](const Deadline& deadline) -> Result<std::unique_ptr<Agent>> {
        auto up = TRY(setup_.target.connect(deadline));
        blackout_.answered();
        TRY(prove_kexec(left_behind, up->hello(), image, nonce_word(nonce_, kexecs_)));
        TRY(setup_.target.alive(deadline));
        blackout_.arrived(*up, deadline);
        return up;
      }));
  record("boot_id.after", agent->boot_id());
  record("release.after", agent->hello().release);
  record("build_id.after", agent->hello().build_id);
  record("cmdline.after", agent->hello().cmdline);
  return agent;
}

Result<PciSnapshot> Scenario::leave(Running& old, const KexecOptions& options) {
  TRY(load_next(old, options));
  ++kexecs_;
  PciSnapshot before = TRY(look_before_leaving(old.agent()));  // the last that is asked of the old kernel
  intend("kexec", {{"kernel", image_for(options).path.string()}});
  blackout_.asked();
  TRY(in_phase<void>(Phase::kKexec, [&](const Deadline& deadline) { return old.agent().leave(deadline); }));
  blackout_.left(old.agent().departure(), kexecs_);
  booted_ = false;
  return before;
}

Result<Running> Scenario::kexec(Running&& old, const KexecOptions& options) {
  PciSnapshot before = TRY(leave(old, options));
  const wire::Hello left_behind = old.agent().hello();
  old.agent_.reset();

  const KernelImage& image = image_for(options);
  Running now = TRY(arrive(TRY(meet_next(left_behind, image)), image));
  now.before_ = std::move(before);
  expected_ = options.expected;
  PciExpectation expectation;
  for (const Bound& bound : expected_) expectation.reset.push_back(bound.address);
  expectation.ignore_drivers = true;  // a driver is chosen by kernel B's own setup, no promise speaks of it
  changes_ = compare(now.before(), now.arrived(), expectation);
  TRY(write_file(file_for_kexec("pci.diff", ""), format_diff(changes_)));
  return now;
}

}  // namespace holdfast
