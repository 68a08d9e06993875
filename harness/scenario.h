// How does one case run on one target? The steps, and what each takes from the one before.
//
// A case boots kernel A and gets a Running. With it devices are bound (Bound), sessions opened (Session), files
// preserved in them. kexec() consumes the Running: nothing can talk to a kernel that is gone. It gives the Running of
// kernel B, proven to have been reached by kexec, with the PCI devices as they were just before and just after.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include "harness/blackout.h"
#include "harness/crash/crash_watch.h"
#include "harness/event.h"
#include "harness/other_kernel.h"
#include "harness/timeouts.h"
#include "harness/tokens.h"

namespace holdfast {

/// How many live updates in a row a case makes when nobody says: as few as can show a trend.
inline constexpr int kUsualSoak = 5;

/// What a case runs with. All references outlive the Scenario.
struct ScenarioSetup {
  Target& target;
  EventSink& events;
  Where where;
  std::filesystem::path dir;      ///< the attempt's folder, there already
  KernelImage kernel;             ///< kernel A
  KernelImage next_kernel;        ///< kernel B
  std::filesystem::path modules;  ///< modules of kernel A, or empty
  std::string append;             ///< added to kernel A's command line
  std::string next_append;        ///< added to kernel B's
  OtherKernels other_kernels = {};
  std::vector<Device> devices;             ///< those that the plan placed for this case
  bool whole_machine = true;               ///< the case is about all that the machine has, not about these alone
  std::vector<Allowance> allowances = {};  ///< the lab's ignore list
  double timeout_scale = 1.0;
  int soak = kUsualSoak;  ///< live updates in a row in a case that makes many
  const Stop* stop = nullptr;
};

/// One case on one target. Each step is a phase with a deadline of its own; a failure comes back as an Error whose
/// blame has been looked into (is the machine gone? did the kernel crash?), with the evidence. Not thread-safe.
class Scenario {
 public:
  explicit Scenario(ScenarioSetup setup);
  Scenario(const Scenario&) = delete;
  Scenario& operator=(const Scenario&) = delete;

  /// The device that the plan chose; `index` for cases that asked for several.
  const Device& device(size_t index = 0) const;
  const std::vector<Device>& devices() const { return setup_.devices; }
  /// How many live updates in a row the user wants of a case that makes many.
  int soak() const { return setup_.soak; }

  /// Kernel A, from power off: what ran before is gone. Phases: boot, snapshot.
  Result<Running> boot(const BootOptions& options = {});

  /// A spare device goes in while the kernel runs, and is waited for. Where the target cannot, the case is skipped.
  /// Phase: plug.
  Result<void> plug(Running& kernel, const Device& device);
  /// A device with trait "hot-plug" goes out; the kernel has given it up then.
  Result<void> unplug(Running& kernel, const Device& device);

  /// vfio-pci for the device's whole group; its cdev opened and bound to an iommufd.
  Result<Bound> bind(Running& kernel, const Device& device);
  /// Only the driver; nothing is opened.
  Result<Bound> bind_driver(Running& kernel, const Device& device);
  /// Opens the cdev of a device whose driver is bound, and binds it to an iommufd.
  Result<void> open(Running& kernel, Bound& bound);
  /// Closes what open() opened.
  Result<void> close_files(Running& kernel, Bound& bound);
  /// Closes the files and gives the native drivers back.
  Result<void> restore(Running& kernel, Bound bound);

  Result<Session> create_session(Running& kernel, const std::string& name);
  /// Closing a session releases what it preserves (before the kexec) or finishes it (after).
  Result<void> close_session(Running& kernel, const Session& session);
  /// Puts an open device file into a session. On a kernel that does not say how it was configured, ENOENT skips the
  /// case: that kernel has no handler for such files.
  Result<void> preserve(Running& kernel, const Session& session, const Bound& bound, uint64_t token);
  Result<void> preserve(Running& kernel, const Session& session, const Memory& memory, uint64_t token);

  /// A memfd of `size` random bytes, and its content's digest at any later time.
  Result<Memory> create_memory(Running& kernel, uint64_t size);
  Result<std::string> digest_of(Running& kernel, const Memory& memory);

  /// Loads kernel B and leaves for it; consumes `old` unless the kernel refuses. Proves that it was kexec. Leaves
  /// pci.before.txt, dmesg.before, pci.after.txt and pci.diff.
  Result<Running> kexec(Running&& old, const KexecOptions& options = {});
  /// Loads kernel B and asks for the kexec, which the kernel must refuse; gives the errno's name, "EINVAL". Error
  /// kernel.accepted when the kernel went on.
  Result<std::string> kexec_refused(Running& kernel);
  /// Asks for the next kernel to be loaded, which the running one must refuse; gives the errno's name.
  Result<std::string> load_refused(Running& kernel, const KexecOptions& options = {});
  /// A kexec to a kernel that must panic with `text` before its agent is up, which ends the machine; gives the panic's
  /// first line. That panic is nothing that close() objects to; all else that the kernel complains about is. boot() is
  /// what can follow. Error kernel.no-panic when the kernel came up.
  Result<std::string> kexec_to_panic(Running&& old, const std::string& text, const KexecOptions& options);

  /// Loads the kernel that takes over when this one crashes; it has to have memory set aside by `crashkernel=`.
  Result<CrashKernel> load_crash_kernel(Running& kernel, const KexecOptions& options = {});
  /// Crashes the kernel, by sysrq. Gives the crash kernel, proven to be the one that was loaded.
  Result<Running> crash(Running&& old, const CrashKernel& crash_kernel);

  /// No device may differ from before the kexec but where the comparison's table allows it.
  Result<void> verify(const Running& now);
  /// All differences that the last kexec made, allowed or not.
  const std::vector<PciChange>& changes() const { return changes_; }

  Result<Session> retrieve_session(Running& now, const std::string& name);
  /// The device file under `token`, bound to an iommufd. `bound` is what bind_driver() gave in this kernel.
  Result<Bound> retrieve(Running& now, const Session& session, const Bound& bound, uint64_t token);
  Result<Memory> retrieve(Running& now, const Session& session, const Memory& sent, uint64_t token);
  Result<void> finish(Running& now, const Session& session);
  /// The device works: its ids can be read through its file, an interrupt can be switched on and off, DMA memory be
  /// mapped, a reset be done if it offers one.
  Result<void> exercise(Running& now, const Bound& bound);

  /// One request as a phase, with the same care for blame as the steps.
  template <class Request>
  Result<typename Request::Reply> call(Phase phase, Running& kernel, const Request& request) {
    auto reply = in_phase<typename Request::Reply>(
        phase, [&](const Deadline& deadline) { return kernel.agent().call(request, deadline); });
    if constexpr (std::is_same_v<Request, wire::VfioRead>) {
      if (reply) blackout_.read_register(request.device, request.region);
    }
    return reply;
  }

  /// One request that the kernel must refuse; gives the errno's name, "EBUSY". Error kernel.accepted when it did not.
  template <class Request>
  Result<std::string> refused(Phase phase, Running& kernel, const Request& request) {
    return in_phase<std::string>(phase, [&](const Deadline& deadline) -> Result<std::string> {
      auto reply = kernel.agent().call(request, deadline);
      return refusal_of(Request::kVerb, reply ? nullptr : &reply.error());
    });
  }

  /// A time that is meant for a target of time scale 1, as long as this target needs it.
  Millis scaled(Millis time) const;

  /// Records a fact that belongs into the report's properties.
  void record(const std::string& key, const std::string& value) { properties_[key] = value; }
  const Properties& properties() const { return properties_; }

  /// What remains when the case's body has ended: the last kernel's log, the console, crashes that nobody tripped
  /// over. An error means that the case must not pass. What the ignore list allows is told as an event.
  Result<void> close();

 private:
  friend class Running;

  template <class T>
  Result<T> in_phase(Phase phase, const std::function<Result<T>(const Deadline&)>& work) {
    const auto began = begin_phase(phase);
    Result<T> result = work(deadline_for(phase));
    end_phase(phase, began, result.ok());
    if (!result) return diagnose(phase, std::move(result).error());
    return result;
  }
  Deadline::Clock::time_point begin_phase(Phase phase);
  void end_phase(Phase phase, Deadline::Clock::time_point began, bool ok);
  Deadline deadline_for(Phase phase) const;
  void tell_allowed(const std::vector<Allowed>& allowed);
  Error diagnose(Phase phase, Error error);
  /// True when the machine was booted because something else had not worked.
  bool tell_boot_way();
  void intend(std::string action, Properties details);

  /// `error` is what came instead of success, or null.
  static Result<std::string> refusal_of(std::string_view what, const Error* error);

  const KernelImage& image_for(const KexecOptions& options) const;
  Result<wire::KexecLoad> make_load(Running& kernel, const KexecOptions& options, const Deadline& deadline);
  Result<void> load_next(Running& kernel, const KexecOptions& options);
  Result<void> await_devices(Running& kernel, const Device& device, bool there, const Deadline& deadline);
  Result<PciSnapshot> look_before_leaving(Agent& agent);
  Result<PciSnapshot> leave(Running& old, const KexecOptions& options);
  Result<std::unique_ptr<Agent>> meet_next(const wire::Hello& left_behind, const KernelImage& image);
  Result<Running> arrive(std::unique_ptr<Agent> agent, const KernelImage& kernel);
  Result<PciSnapshot> snapshot(Agent& agent, const std::string& side, const Deadline& deadline);
  Result<void> fetch_log(Agent& agent, const Deadline& deadline);
  /// `stem`.txt for the first kexec of a case, `stem`.2.txt for the second.
  std::filesystem::path file_for_kexec(std::string_view stem, std::string_view extension) const;

  ScenarioSetup setup_;
  std::unique_ptr<Agent> last_agent_;
  std::vector<Bound> expected_;
  std::set<std::string> natives_;  ///< native drivers of all devices that this case has expected so far
  std::vector<PciChange> changes_;
  Properties properties_;
  std::string nonce_;
  std::string log_;        ///< the running kernel's log as fetched so far
  uint64_t log_next_ = 0;  ///< sequence number to go on from
  CrashWatch crashes_;
  Blackout blackout_;
  int kexecs_ = 0;
  bool retrieved_before_ = false;  ///< a device file was: the kernels of this case offer it
  bool booted_ = false;            ///< the kernel that runs, or is on its way, was booted and not kexec'ed
};

}  // namespace holdfast
