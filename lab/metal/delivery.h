// How do the agent, kernels and payloads get to a host, and how is the agent there spoken to?
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "harness/link.h"
#include "harness/target.h"
#include "lab/metal/ssh.h"

namespace holdfast::lab {

/// Where things are put on a host; nothing else of it is touched.
struct HostPlaces {
  std::filesystem::path work_dir;                   ///< agent and kernels, each named by its SHA-256; on a disk
  std::filesystem::path run_dir = "/run/holdfast";  ///< the agent's socket, and what is secret; gone after a boot
  std::filesystem::path socket() const { return run_dir / "agent.sock"; }
  std::filesystem::path secret_files() const { return run_dir / "agent.sock.files"; }
};

/// An agent over ssh. It must not outlive the connection.
struct HostAgent {
  Ssh::Bridge bridge;  ///< its socket is the link's
  std::shared_ptr<Link> link;
  std::unique_ptr<Agent> agent;
};

/// Bridges to the agent that listens at a host's socket: `bridge_argv` is run there. Its boot id must not be
/// `not_boot_id`. Errors: as LinkAgent::adopt and Ssh, with what the bridge said as evidence.
Result<HostAgent> bridge_to_agent(Ssh& ssh, const std::vector<std::string>& bridge_argv, const std::string& not_boot_id,
                                  const Deadline& deadline);

/// Brings files to a host that runs its own system. What is there already is not sent again, but its content is checked
/// before each use: a host that lost its power may have half of a file. Not thread-safe.
class Delivery {
 public:
  /// Makes the folders (for their owner only) and removes what nobody has used for a week. `ssh` outlives it. Errors:
  /// Ssh's; lab.work-dir when the folder is another user's or no program can be run from there.
  static Result<Delivery> open(Ssh& ssh, const HostPlaces& places, const Deadline& deadline);

  /// Sends the file unless it is there; gives its SHA-256, which is its name in `work_dir`.
  Result<std::string> bring(const std::filesystem::path& local, const Deadline& deadline);

  /// Puts what was brought as `sha256` and the local file `end` one behind the other, where only the agent sees it and
  /// no disk does; gives the SHA-256 of the whole, under which the agent has it.
  Result<std::string> join_secret(const std::string& sha256, const std::filesystem::path& base_copy,
                                  const std::filesystem::path& end, const Deadline& deadline);

  /// The agent of this very build, started if it does not run; it goes on when the connection ends. One of another
  /// build makes room when it holds nothing. Errors: lab.agent-busy when it does, or when somebody else speaks to it.
  Result<HostAgent> agent(const std::filesystem::path& program, const Deadline& deadline);

 private:
  Delivery(Ssh& ssh, HostPlaces places) : ssh_(&ssh), places_(std::move(places)) {}
  Result<void> start_agent(const std::string& build, const Deadline& deadline);
  Result<void> make_room(HostAgent old, const Deadline& deadline);
  Result<void> end_old_bridges(const Deadline& deadline);

  Ssh* ssh_;
  HostPlaces places_;
};

}  // namespace holdfast::lab
