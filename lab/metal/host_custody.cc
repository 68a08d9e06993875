// How is a host kept for one run: taken, healthy before each case, given back or quarantined?
//
// take: nobody else's, not in quarantine; then a private folder for sockets, and the console's recorder. make_ready:
// look at it, all over or at a glance; when something is wrong climb the ladder until it passes the whole gate; when
// that helps nothing, quarantine. give_back: the same, then let go. Whoever has lost the lease does nothing more to the
// host and takes no note about it either: it is somebody else's.
#include "lab/metal/host_custody.h"

#include <fmt/format.h>

#include <utility>

#include "harness/base/text.h"
#include "lab/lease/marks.h"

namespace holdfast::lab {
namespace {

/// Of letting go of the lease: the host must not stay taken because the one who runs this is in a hurry.
constexpr Millis kLetGoLimit{10'000};

bool is_stop(const Error& error) { return error.type() == "harness.stopped"; }

}  // namespace

HostCustody::HostCustody(HostKeeping keeping, std::unique_ptr<HostCare> care, EventSink& events, Stop not_taken)
    : keeping_(std::move(keeping)), care_(std::move(care)), events_(events), not_taken_(std::move(not_taken)) {}

Result<std::unique_ptr<HostCustody>> HostCustody::create(HostKeeping keeping, std::unique_ptr<HostCare> care,
                                                         EventSink& events) {
  Stop not_taken = TRY(Stop::create());
  return std::unique_ptr<HostCustody>(
      new HostCustody(std::move(keeping), std::move(care), events, std::move(not_taken)));
}

HostCustody::~HostCustody() {
  if (const auto let = let_go(); !let) warn(let.error().what);
}

Result<void> HostCustody::take(const Deadline& deadline) {
  TRY(refuse_quarantined());
  const LeaseRequest request{.purpose = keeping_.purpose, .run_dir = keeping_.run_dir};
  lease_.emplace(TRY(Lease::take(keeping_.place, request, keeping_.timing, deadline)));
  if (!lease_->taken_over().empty()) warn(fmt::format("{} {}", keeping_.place.host, lease_->taken_over()));
  // The holder before may have put it there while we waited.
  auto taken = refuse_quarantined();
  if (taken) taken = start_recording(deadline);
  if (!taken) {
    if (const auto let = let_go(); !let) warn(let.error().what);
  }
  return taken;
}

Result<void> HostCustody::refuse_quarantined() const {
  if (keeping_.heals_quarantine) return {};
  const auto quarantine = TRY(quarantine_of(keeping_.place));
  if (!quarantine) return {};
  const std::string& host = keeping_.place.host;
  return lab_error("quarantined",
                   fmt::format("{} is {}", host, quarantine_text(*quarantine, keeping_.timing.clock.wall())))
      .because(fmt::format("see to the host, then `holdfast lab release {} --heal`", shell_quote(host)));
}

Result<void> HostCustody::start_recording(const Deadline& deadline) {
  // A short name: sockets in it have to fit into 107 bytes (unix(7)).
  runtime_dir_.emplace(TRY(TempDir::create("hf")));
  const auto socket = runtime_dir_->path() / "console";
  const auto logs = keeping_.run_dir / "targets" / keeping_.place.host;
  TRY(make_dirs(logs));
  recording_ = true;
  auto recorded = care_->record({.runtime_dir = runtime_dir_->path(),
                                 .raw = logs / "console.raw",
                                 .lines = logs / "console.log",
                                 .socket = socket});
  if (!recorded && recorded.error().blame == Blame::kPlan) {
    recording_ = false;
    warn(fmt::format("{}: {}: a crash is seen late, by its silence", keeping_.place.host, recorded.error().what));
    return {};
  }
  TRY(std::move(recorded));
  console_ = socket;
  return lease_->tell_console(console_, deadline);
}

Result<void> HostCustody::still_ours() const {
  if (!lease_ || left_) return harness_error("custody", fmt::format("{} is not held", keeping_.place.host));
  if (!lease_->lost().requested()) return {};
  return lab_error("lease-lost", fmt::format("the lease of {} is lost: {}; it is not touched any more",
                                             keeping_.place.host, lease_->lost_because()));
}

Result<void> HostCustody::make_ready(const Deadline& deadline) {
  TRY(still_ours());
  auto healthy = see_to_health(deadline);
  TRY(still_ours());  // what was seen of a host that is somebody else's by now says nothing
  used_ = healthy.ok();
  ran_ = ran_ || used_;
  if (healthy || is_stop(healthy.error())) return healthy;
  if (is_stranger(healthy.error())) {
    if (auto let = let_go(); !let) warn(let.error().what);
    return healthy;
  }
  return quarantined(healthy.error());
}

Result<void> HostCustody::see_to_health(const Deadline& deadline) {
  Result<void> look;
  if (used_) look = care_->come_home(deadline);
  if (look && !well_) look = care_->examine(deadline);
  if (!look && is_stop(look.error())) return look;
  if (!look && is_stranger(look.error())) return look;
  if (!look) {
    TRY(still_ours());
    well_ = false;
    const auto healthy = [this](const Deadline& until) { return care_->examine(until); };
    TRY(care_->heal(look.error(), healthy, lease_->lost(), deadline));
  }
  well_ = true;
  used_ = false;
  return {};
}

/// A test kernel has a host key of its own. Where none can have been left behind, another key means another machine,
/// or a mistake in the inventory: nothing is done to it, unless somebody who looked at it says so.
bool HostCustody::is_stranger(const Error& error) const {
  return error.kind == "host-key" && !ran_ && !keeping_.heals_quarantine && lease_->taken_over().empty();
}

Error HostCustody::quarantined(const Error& why) {
  const Quarantine quarantine{
      .why = why.what, .run = keeping_.run_dir.string(), .rung = care_->last_rung(), .since = {}};
  Error error = lab_error("quarantined", fmt::format("{} is in quarantine: {}", keeping_.place.host, why.what))
                    .because(fmt::format("see to the host, then `holdfast lab release {} --heal`",
                                         shell_quote(keeping_.place.host)));
  error.evidence = why.evidence;
  events_.on(
      Recovery{.target = keeping_.place.host, .rung = "quarantine", .ok = false, .took = Millis(0), .why = why.what});
  if (auto set = set_quarantine(keeping_.place, quarantine, keeping_.timing.clock); !set) warn(set.error().what);
  if (auto let = let_go(); !let) warn(let.error().what);
  return error;
}

Result<void> HostCustody::give_back(const Deadline& deadline) {
  TRY(still_ours());
  well_ = false;
  auto healthy = see_to_health(deadline);
  TRY(still_ours());
  // Too little time is no finding about the host: whoever takes it next looks at it first of all.
  if (!healthy && (is_stop(healthy.error()) || deadline.expired())) {
    if (auto let = let_go(); !let) warn(let.error().what);
    return healthy;
  }
  if (!healthy) return quarantined(healthy.error());
  if (keeping_.heals_quarantine) TRY(lift_quarantine(keeping_.place));
  return let_go();
}

Result<void> HostCustody::let_go() {
  if (std::exchange(left_, true)) return {};
  if (std::exchange(recording_, false)) care_->stop_recording();
  runtime_dir_.reset();
  return lease_ ? lease_->release(Deadline::after(kLetGoLimit)) : Result<void>();
}

std::vector<std::string> HostCustody::case_argv() const {
  if (!lease_ || !runtime_dir_) return {};
  std::vector<std::string> argv;
  if (!console_.empty()) argv = {"--console-socket", console_.string()};
  for (const auto& [flag, value] : {std::pair<std::string, std::string>{"--runtime-dir", runtime_dir_->path().string()},
                                    {"--lease-file", lease_->file().string()},
                                    {"--lease-token", std::to_string(lease_->token())}}) {
    argv.insert(argv.end(), {flag, value});
  }
  return argv;
}

const Stop& HostCustody::lost() const { return lease_ ? lease_->lost() : not_taken_; }

void HostCustody::warn(std::string text) { events_.on(Note{Note::Level::kWarning, std::move(text)}); }

}  // namespace holdfast::lab
