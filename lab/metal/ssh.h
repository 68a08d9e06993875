// How is a command run, a file sent, a stream opened on a host that ssh leads to?
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/base/fd.h"
#include "harness/base/process.h"
#include "lab/host.h"

namespace holdfast::lab {

/// A file for send_file().
struct SentFile {
  std::filesystem::path local;
  std::filesystem::path remote;
  unsigned mode = 0600;
  std::string sha256 = {};  ///< what must have arrived; empty: not checked
};

/// For a host that is known to be up.
inline constexpr std::chrono::seconds kToAnswer{10};

/// The way to one boot of one host: one connection (OpenSSH's master), which all commands share, so that none of them
/// can reach another boot than the first one did. The connection is a child of this program and ends with it, or with
/// the *thread* that opened it; so do the commands. Move-only. Not thread-safe.
///
/// Errors of all of it: those of ssh_error() (lab/metal/ssh_errors.h), lab.timeout, harness.stopped, lab.exec when
/// there is no ssh program.
class Ssh {
 public:
  /// Connects, and only to a host that has the pinned key. Its files and its socket are in a new folder of
  /// `runtime_dir`, which must be private and its path short (below 60 bytes, without blanks); `boot` is for reading
  /// only. A host that shows no sign of an sshd within `to_answer` is given up.
  static Result<Ssh> open(const SshAccess& access, const std::filesystem::path& runtime_dir, std::string_view boot,
                          const Deadline& deadline, std::chrono::seconds to_answer = kToAnswer);
  Ssh(Ssh&& other) noexcept
      : access_(std::move(other.access_)),
        folder_(std::exchange(other.folder_, {})),
        master_(std::move(other.master_)),
        login_took_(other.login_took_) {}
  Ssh& operator=(Ssh&&) = delete;
  ~Ssh() { close(); }

  /// Runs a program there, `feed` as its standard input. Its exit code is no error. A program that is still running at
  /// the deadline goes on there, without its streams.
  Result<Output> run(const std::vector<std::string>& argv, const Deadline& deadline, std::string_view feed = {});
  /// As run(), for a program that must succeed: else lab.remote with what it said.
  Result<std::string> ask(const std::vector<std::string>& argv, const Deadline& deadline, std::string_view feed = {});

  /// Puts a file there in one step: who reads it sees all of it or the old one. Errors: lab.remote, also when something
  /// else arrived than `sha256` says; the file is not there then.
  Result<void> send_file(const SentFile& file, const Deadline& deadline);

  /// A program's standard input and output.
  struct Bridge {
    Fd socket;  ///< its end is the program's or the connection's
    Process process;
    std::filesystem::path errors;  ///< what it said on standard error
  };
  Result<Bridge> bridge(const std::vector<std::string>& argv);

  /// Whether the connection is still there, as far as is known: one that broke without a word is found out after half a
  /// minute.
  bool alive();
  /// Becomes readable when the connection has ended.
  int pidfd() const { return master_.pidfd(); }
  /// Ends the connection; waits for the end of its process. Safe to call twice.
  void close();

  const SshAccess& access() const { return access_; }
  /// How long it took to log in: what a host needs for a handful of messages each way.
  Millis login_took() const { return login_took_; }

 private:
  Ssh(SshAccess access, std::filesystem::path folder, Process master)
      : access_(std::move(access)), folder_(std::move(folder)), master_(std::move(master)) {}
  std::filesystem::path socket() const { return folder_ / "m"; }
  std::vector<std::string> session(const std::vector<std::string>& remote_argv) const;
  Result<void> await_master(const Deadline& deadline);
  Error lost(std::string_view attempted, std::string_view words) const;

  SshAccess access_;
  std::filesystem::path folder_;
  Process master_;
  Millis login_took_{0};
};

/// The "SHA256:..." of a public key of the form "ssh-ed25519 AAAA..."; empty when ssh-keygen cannot tell.
std::string fingerprint_of(const std::string& public_key, const Deadline& deadline);

}  // namespace holdfast::lab
