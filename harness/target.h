// What can a target do? The same few verbs for a VM and for metal.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/base/result.h"
#include "harness/wire/codec.h"
#include "harness/wire/verbs_system.h"

namespace holdfast {

/// The switch of the machine's power.
class Power {
 public:
  enum class State { kOff, kOn };
  virtual ~Power() = default;
  virtual Result<void> on(const Deadline& deadline) = 0;
  virtual Result<void> off(const Deadline& deadline) = 0;
  virtual Result<State> state(const Deadline& deadline) = 0;
};

/// The serial console: always recorded, from before power on. Thread-safe.
class Console {
 public:
  using Mark = size_t;  ///< a position in the bytes received so far
  virtual ~Console() = default;
  virtual Mark mark() const = 0;
  /// The bytes from `from` up to `to` (default: all so far).
  virtual std::string slice(Mark from, Mark to = static_cast<Mark>(-1)) const = 0;
  /// Waits until `text` appears after `from`; gives the position behind it.
  virtual Result<Mark> expect(std::string_view text, Mark from, const Deadline& deadline) = 0;
  virtual Result<void> send(std::string_view text, const Deadline& deadline) = 0;
  /// When the byte at that position was received; nothing for one that has not come, or that came too long ago.
  virtual std::optional<Deadline::Clock::time_point> came_at(Mark /*position*/) const { return std::nullopt; }
};

/// The connection to the agent in one running kernel. It ends with that kernel: `boot_id` never changes.
class Agent {
 public:
  virtual ~Agent() = default;
  virtual const wire::Hello& hello() const = 0;
  const std::string& boot_id() const { return hello().boot_id; }

  /// One request and its reply. Errors: kernel.refused with errnum (a system call said no), harness.refused (the
  /// request was wrong), lab.target (the target's own files: no space), kernel.rebooted (it came up again by itself),
  /// lab.link (the connection is gone), lab.timeout (no reply within the deadline).
  template <class Request>
  Result<typename Request::Reply> call(const Request& request, const Deadline& deadline);

  /// Sends kexec_execute. Success means that the agent said `leaving` and then nothing but silence or the end of the
  /// link: the old kernel is on its way out. A refusal comes back as kernel.refused with errnum.
  virtual Result<void> leave(const Deadline& deadline) = 0;
  /// When this kernel said `leaving`, and how far its own clock was.
  struct Departure {
    Deadline::Clock::time_point at;
    Millis uptime{0};
  };
  /// Nothing unless leave() has succeeded.
  const std::optional<Departure>& departure() const { return departure_; }

  /// Makes sure that the target has this file's content, sending it in pieces if it has not; gives its sha256.
  Result<std::string> upload(const std::filesystem::path& file, const Deadline& deadline);

 protected:
  /// Sends a request and gives the envelope and blob of its reply.
  virtual Result<std::pair<wire::Envelope, wire::Bytes>> exchange(uint64_t id, wire::Message request,
                                                                  const Deadline& deadline) = 0;
  static Error refused(const wire::Refusal& refusal);
  /// A number that no request to this agent has had.
  uint64_t take_id() { return next_id_++; }
  std::optional<Departure> departure_;

 private:
  uint64_t next_id_ = 1;
};

/// Everything a target needs to come up in kernel A with the agent in it.
struct BootSpec {
  std::filesystem::path kernel;  ///< bzImage
  std::filesystem::path
      next_kernel;  ///< bzImage that will be kexec'ed: carried along where that is cheaper than sending it
  std::filesystem::path modules;        ///< folder with modules for `kernel`, or empty
  std::string append;                   ///< added to the target's own command line
  std::string topology = {};            ///< which of the target's machines; empty: its ordinary one
  std::vector<std::string> roles = {};  ///< the devices that the case is about
  bool whole_machine = true;            ///< all that the machine has counts, not these devices alone
  bool own_way = true;                  ///< `append` has words that are for this case only
};

/// How a machine came up that knows more than one way.
struct BootWay {
  bool from_snapshot = false;  ///< went on from where another boot of the same kernel was stopped
  std::string why_cold = {};   ///< why it was booted instead; empty: nobody wanted it otherwise
  bool trouble = false;        ///< it was to go on from a snapshot, and that did not work
};

class HotPlug;

/// One machine.
class Target {
 public:
  virtual ~Target() = default;
  virtual const std::string& name() const = 0;
  /// From power off to a running kernel A; the console is recording before the power is on.
  virtual Result<void> boot(const BootSpec& spec, const Deadline& deadline) = 0;
  /// Waits for the agent of whatever kernel comes up now. Ends at once when the machine dies.
  virtual Result<std::unique_ptr<Agent>> connect(const Deadline& deadline) = 0;
  /// Ok while the machine runs and its control channel answers; else how it ended: lab.vm-killed, lab.vm-stuck,
  /// kernel.reset (the guest itself reset or powered off: firmware came by).
  virtual Result<void> alive(const Deadline& deadline) = 0;
  /// The command line that kernel A was given before `append`: what kernel B needs as well.
  virtual std::string base_cmdline() const = 0;
  /// The initrd of every next kernel, as wire::KexecLoad has it: the one that the running kernel came with, or none.
  virtual std::string next_initrd() const { return "same"; }
  /// Drivers that must start in every kernel, "igb": without them the machine is not reached.
  virtual std::vector<std::string> vital_drivers() const { return {}; }
  /// Of the last boot(); nothing: it knows one way only.
  virtual std::optional<BootWay> boot_way() const { return std::nullopt; }
  /// Facts for the report: accel, memory, QEMU version, host name.
  virtual std::map<std::string, std::string> facts() const = 0;
  virtual Power& power() = 0;
  virtual Console& console() = 0;
  /// Devices that come and go while it runs (harness/hot_plug.h); null: it cannot.
  virtual HotPlug* hot_plug() { return nullptr; }
};

template <class Request>
Result<typename Request::Reply> Agent::call(const Request& request, const Deadline& deadline) {
  const uint64_t id = take_id();
  auto reply = exchange(id, wire::make_request(id, request), deadline);
  if (!reply) return std::move(reply).error();
  auto& [envelope, blob] = *reply;
  if (envelope.kind == wire::Envelope::Kind::kRefusal) return refused(envelope.refusal);
  return wire::decode<typename Request::Reply>(envelope, std::move(blob));
}

}  // namespace holdfast
