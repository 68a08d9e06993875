// Which BMC do the tests talk to? A real one, but for the board below it: ipmi_sim, on the loopback interface.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "harness/base/fd.h"
#include "harness/base/file.h"
#include "harness/base/process.h"
#include "lab/host.h"

namespace holdfast::lab {

/// ipmi_sim with a power switch made of a file and a serial port made of a pseudo terminal. All of it is gone with the
/// object.
class RealBmc {
 public:
  /// `password`: at most 16 bytes.
  static Result<std::unique_ptr<RealBmc>> start(const std::string& password = "a-word");

  IpmiAccess access() const;
  /// With a password that it does not know.
  IpmiAccess wrong_password() const;
  /// The other end of its serial port: what the host says, and hears.
  int host() const { return host_.get(); }
  /// Says it no faster than a BMC can pass on: serial over LAN drops what comes faster.
  void host_says(std::string_view text) const;
  /// What the host hears, until `text` was among it or `span` is over.
  std::string host_hears(std::string_view text, Millis span = std::chrono::seconds(30)) const;

  /// What its switch does when it is told to switch: as told, nothing (and says that all is well), or fails.
  enum class Switch { kObeys, kLies, kFails };
  void set_switch(Switch behaviour) const;
  void set_power(bool on) const;
  bool power() const;
  /// Everything its switch was told, "set power 1", a line each.
  std::string told() const;

  void kill();
  Result<void> revive();

 private:
  RealBmc(TempDir dir, Fd host, Fd serial, std::string password)
      : dir_(std::move(dir)), host_(std::move(host)), serial_(std::move(serial)), password_(std::move(password)) {}
  Result<void> configure();
  std::string path(std::string_view name) const { return (dir_.path() / name).string(); }

  TempDir dir_;
  Fd host_;
  Fd serial_;  ///< kept open, so that the terminal outlives the BMC
  std::string password_;
  uint16_t port_ = 0;
  std::optional<Process> sim_;
};

}  // namespace holdfast::lab
