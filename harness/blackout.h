// How long is a device out of reach across a kexec, and where does the time go?
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "harness/event.h"
#include "harness/target.h"
#include "harness/wire/verbs_vfio.h"

namespace holdfast {

/// Follows one case from kexec to kexec and tells a Milestone for each moment that was seen; kMilestones has them. All
/// are on the controller's clock, so that they say what a user of the device would wait for: with them comes the way
/// of a byte or an answer from the target. Not thread-safe.
class Blackout {
 public:
  using Time = Deadline::Clock::time_point;

  /// `console` and `events` outlive it.
  Blackout(const Console& console, EventSink& events, Where where)
      : console_(console), events_(events), where_(std::move(where)) {}

  /// The old kernel is about to be asked to leave: what its console says from here on may be its last words.
  void asked() { console_from_ = console_.mark(); }
  /// It has left. Without a `departure` nothing is told of this kexec.
  void left(const std::optional<Agent::Departure>& departure, int kexec);
  /// The next kernel's agent answers, for the first time.
  void answered() { answered_ = Deadline::Clock::now(); }
  /// It is the kernel that was to come: tells what was seen until now. Asks the agent for its clock; one that does not
  /// answer that leaves the milestone out.
  void arrived(Agent& agent, const Deadline& deadline);
  /// The file of a device, by its role, came out of its session as `file`.
  void retrieved(const std::string& device, wire::Handle file);
  /// A register in BAR `region` of an open file was read. Of files that were not retrieved, and the second time:
  /// nothing.
  void read_register(wire::Handle file, uint32_t region);

 private:
  void tell(std::string_view name, Time at, const std::string& device = {});
  void tell_console();

  const Console& console_;
  EventSink& events_;
  const Where where_;
  int kexec_ = 0;
  std::optional<Agent::Departure> left_;
  std::optional<Time> answered_;
  Console::Mark console_from_ = 0;
  std::map<wire::Handle, std::string> untouched_;  ///< retrieved files by device, no register of which was read yet
};

/// Where in the `console` of two kernels the second begins: at its banner, at what the decompressor says before that,
/// or at the first message whose time stamp is before `uptime`, which the first kernel's clock had passed. npos when
/// there is none of these.
size_t find_next_kernel(std::string_view console, Millis uptime);

}  // namespace holdfast
