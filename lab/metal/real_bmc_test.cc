// Is the BMC of the tests there, and gone when it is to be?
#include "lab/metal/real_bmc.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <pty.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <array>

#include "harness/base/text.h"
#include "lab/metal/ipmi.h"

namespace holdfast::lab {
namespace {

constexpr std::string_view kUser = "ipmiusr";

/// A UDP port of the loopback interface that was free a moment ago.
Result<uint16_t> free_port() {
  const Fd probe(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(probe.get(), generic, size) != 0 || ::getsockname(probe.get(), generic, &size) != 0) {
    return system_error("find a free port", errno);
  }
  return ntohs(address.sin_port);
}

/// What ipmi_sim calls with "0x20 get power", "0x20 set power 1", "0x20 set reset 1".
constexpr std::string_view kSwitch = R"sh(#!/bin/sh
cd "${0%/*}" || exit 1
shift
if [ "$1" = get ]; then
  echo "$2:$(cat power)"
  exit 0
fi
echo "$*" >>told
case $(cat switch) in
fails) exit 1 ;;
obeys) if [ "$2" = power ]; then echo "$3" >power; fi ;;
esac
)sh";

constexpr std::string_view kEmulated = R"(mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02 persist_sdr
sel_enable 0x20 1000 0x0a
mc_enable 0x20
)";

}  // namespace

Result<std::unique_ptr<RealBmc>> RealBmc::start(const std::string& password) {
  TempDir dir = TRY(TempDir::create("bmc"));
  int host = -1;
  int serial = -1;
  if (::openpty(&host, &serial, nullptr, nullptr, nullptr) != 0) return system_error("make a serial port", errno);
  Fd host_end(host);
  Fd serial_end(serial);
  termios line{};
  ::tcgetattr(serial, &line);
  ::cfmakeraw(&line);
  ::tcsetattr(serial, TCSANOW, &line);
  ::fcntl(host, F_SETFL, O_NONBLOCK);
  std::unique_ptr<RealBmc> bmc(new RealBmc(std::move(dir), std::move(host_end), std::move(serial_end), password));
  for (int attempt = 1;; ++attempt) {
    TRY(bmc->configure());
    auto up = bmc->revive();
    if (up) return bmc;
    if (attempt == 3) return std::move(up).error();  // the port may be somebody else's by now, but not thrice
  }
}

Result<void> RealBmc::configure() {
  port_ = TRY(free_port());
  TRY(write_file(path("chassis"), kSwitch));
  ::chmod(path("chassis").c_str(), 0700);
  for (const auto& [name, word] :
       {std::pair{"password", std::string_view(password_)}, std::pair{"wrong", std::string_view("no")}}) {
    TRY(write_file(path(name), word));
    ::chmod(path(name).c_str(), 0600);
  }
  TRY(write_file(path("power"), "0\n"));
  TRY(write_file(path("told"), ""));
  set_switch(Switch::kObeys);
  TRY(write_file(path("emulated"), kEmulated));
  TRY(make_dirs(path("state")));
  std::array<char, 64> serial{};
  ::ttyname_r(serial_.get(), serial.data(), serial.size());
  return write_file(path("lan.conf"), fmt::format(R"(name "tested"
set_working_mc 0x20
startlan 1
  addr 127.0.0.1 {}
  priv_limit admin
  allowed_auths_callback md5
  allowed_auths_user md5
  allowed_auths_operator md5
  allowed_auths_admin md5
  guid a123456789abcdefa123456789abcdef
endlan
chassis_control "{} 0x20"
sol "{}" 115200 history=16384
user 2 true "{}" "{}" admin 10 md5
)",
                                                  port_, path("chassis"), serial.data(), kUser, password_));
}  // namespace

Result<void> RealBmc::revive() {
  sim_ = TRY(
      Process::start({.argv = {"ipmi_sim", "-c", path("lan.conf"), "-f", path("emulated"), "-s", path("state"), "-n"},
                      .cwd = dir_.path()}));
  const Deadline deadline = Deadline::after(std::chrono::seconds(20));
  while (true) {
    auto answer = ipmi(access(), {"mc", "info"}, deadline);
    if (answer) return {};
    if (sim_->poll() || deadline.expired()) return std::move(answer).error();
    wait_until(Deadline::after(Millis(100)));
  }
}

void RealBmc::kill() {
  if (sim_) sim_->signal_group(SIGKILL);
  sim_.reset();
}

IpmiAccess RealBmc::access() const {
  return {.address = "127.0.0.1",
          .port = port_,
          .user = std::string(kUser),
          .password = {.file = path("password"), .declared_at = "a test"}};
}

IpmiAccess RealBmc::wrong_password() const {
  IpmiAccess access_with = access();
  access_with.password.file = path("wrong");
  return access_with;
}

void RealBmc::host_says(std::string_view text) const {
  constexpr size_t kAtOnce = 256;
  for (; !text.empty(); text.remove_prefix(std::min(kAtOnce, text.size()))) {
    EXPECT_TRUE(write_all(host_.get(), text.substr(0, kAtOnce)));
    wait_until(Deadline::after(Millis(text.size() > kAtOnce ? 100 : 0)));
  }
}

std::string RealBmc::host_hears(std::string_view text, Millis span) const {
  const Deadline deadline = Deadline::after(span);
  std::string heard;
  std::array<char, 4096> piece;
  while (heard.find(text) == std::string::npos && wait_readable(host_.get(), deadline) == Wake::kReady) {
    const ssize_t got = ::read(host_.get(), piece.data(), piece.size());
    if (got > 0) heard.append(piece.data(), static_cast<size_t>(got));
  }
  return heard;
}

void RealBmc::set_switch(Switch behaviour) const {
  const std::string_view word = behaviour == Switch::kObeys ? "obeys" : behaviour == Switch::kLies ? "lies" : "fails";
  EXPECT_TRUE(write_file_atomic(path("switch"), word));
}

void RealBmc::set_power(bool on) const { EXPECT_TRUE(write_file_atomic(path("power"), on ? "1\n" : "0\n")); }
bool RealBmc::power() const { return trim(*read_file(path("power"))) == "1"; }
std::string RealBmc::told() const { return *read_file(path("told")); }

namespace {

TEST(RealBmc, AnswersAndIsGoneWithItsObject) {
  auto bmc = RealBmc::start();
  ASSERT_TRUE(bmc) << bmc.error().what;
  const IpmiAccess access = (*bmc)->access();
  const Deadline deadline = Deadline::after(std::chrono::seconds(60));
  EXPECT_TRUE(ipmi(access, {"mc", "info"}, deadline));
  (*bmc)->kill();
  EXPECT_EQ(ipmi(access, {"mc", "info"}, deadline).error().type(), "lab.bmc");
  ASSERT_TRUE((*bmc)->revive());
  EXPECT_TRUE(ipmi(access, {"mc", "info"}, deadline));
}

TEST(RealBmc, RefusesAWrongPasswordAndTheErrorSaysSo) {
  auto bmc = RealBmc::start();
  ASSERT_TRUE(bmc) << bmc.error().what;
  const auto refused = ipmi((*bmc)->wrong_password(), {"mc", "info"}, Deadline::after(std::chrono::seconds(60)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().type(), "lab.bmc");
  EXPECT_EQ(refused.error().errnum, EACCES);
  EXPECT_NE(refused.error().what.find("refused the user or the password"), std::string::npos) << refused.error().what;
}

}  // namespace
}  // namespace holdfast::lab
