// How is a serial device of this computer a console?
#include "lab/console/serial_device.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <termios.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "harness/base/file.h"

namespace holdfast::lab {
namespace {

constexpr std::array<std::pair<unsigned, speed_t>, 11> kSpeeds{{{9600, B9600},
                                                                {19200, B19200},
                                                                {38400, B38400},
                                                                {57600, B57600},
                                                                {115200, B115200},
                                                                {230400, B230400},
                                                                {460800, B460800},
                                                                {921600, B921600},
                                                                {1000000, B1000000},
                                                                {1500000, B1500000},
                                                                {3000000, B3000000}}};

class SerialDevice : public ConsoleSource {
 public:
  explicit SerialDevice(Fd fd) : ConsoleSource(std::move(fd)) {}
  Result<std::string> make_break() override {
    ::tcdrain(fd_.get());
    if (::tcsendbreak(fd_.get(), 0) != 0) return system_error("send a break", errno);
    return std::string();
  }
};

}  // namespace

Result<std::unique_ptr<ConsoleSource>> open_serial(const std::filesystem::path& device, unsigned baud) {
  const auto* speed = std::ranges::find(kSpeeds, baud, &std::pair<unsigned, speed_t>::first);
  if (speed == kSpeeds.end())
    return usage_error(fmt::format("{}: no serial device has {} baud", device.string(), baud));
  Fd fd = TRY(open_file(device, O_RDWR | O_NOCTTY | O_NONBLOCK));
  const auto failed = [&] { return system_error(fmt::format("set up {}", device.string()), errno); };
  if (::ioctl(fd.get(), TIOCEXCL) != 0) return failed();
  termios line{};
  if (::tcgetattr(fd.get(), &line) != 0) return failed();
  ::cfmakeraw(&line);
  line.c_cflag |= CLOCAL | CREAD;
  line.c_cflag &= ~static_cast<tcflag_t>(CRTSCTS | CSTOPB);
  ::cfsetspeed(&line, speed->second);
  if (::tcsetattr(fd.get(), TCSANOW, &line) != 0) return failed();
  return std::unique_ptr<ConsoleSource>(std::make_unique<SerialDevice>(std::move(fd)));
}

}  // namespace holdfast::lab
