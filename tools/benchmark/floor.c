// SPDX-License-Identifier: GPL-2.0-or-later
// What does a live update cost with nothing around it? An init that does the whole job alone: in the first kernel it
// preserves a vfio-pci device and a memfd and goes into the same kernel again; in the second it gets both back.
//
// It says FLOOR-DONE on the console when all of that has held, FLOOR-FAILED and why when it has not; then it powers off.
// Nothing of the harness is in it, on purpose: tools/bench compares with it.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BDF "0000:01:00.0"
#define DEVICE "/sys/bus/pci/devices/" BDF
#define DEVICE_TOKEN 1
#define MEMFD_TOKEN 2
#define PATTERN "what the first kernel wrote"

// Source: include/uapi/linux/liveupdate.h of Linux 7.3.
#define LUO_CREATE _IO(0xBA, 0x00)
#define LUO_RETRIEVE _IO(0xBA, 0x01)
#define LUO_PRESERVE_FD _IO(0xBA, 0x40)
#define LUO_RETRIEVE_FD _IO(0xBA, 0x41)
#define LUO_FINISH _IO(0xBA, 0x42)
struct luo_session { uint32_t size; int32_t fd; char name[64]; };
struct luo_file { uint32_t size; int32_t fd; uint64_t token; };
struct luo_finish { uint32_t size; uint32_t reserved; };
// Source: include/uapi/linux/vfio.h of Linux 6.6.
#define BIND_IOMMUFD _IO(';', 100 + 18)
struct bind_iommufd { uint32_t argsz; uint32_t flags; int32_t iommufd; uint32_t out_devid; };

static void end(void)
{
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void fail(const char *what, ...)
{
	int errnum = errno;
	va_list args;

	va_start(args, what);
	printf("FLOOR-FAILED ");
	vprintf(what, args);
	printf(": %s\n", strerror(errnum));
	va_end(args);
	end();
}

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fail("write %s to %s", text, path);
	close(fd);
}

static void bind_to_vfio(void)
{
	if (access(DEVICE "/driver", F_OK) == 0)
		put(DEVICE "/driver/unbind", BDF);
	put(DEVICE "/driver_override", "vfio-pci");
	put("/sys/bus/pci/drivers_probe", BDF);
}

/* The name of the device's file below /dev/vfio/devices. */
static const char *cdev_path(void)
{
	static char path[300];
	DIR *dir = opendir(DEVICE "/vfio-dev");
	struct dirent *entry;

	if (!dir)
		fail("find the cdev of %s", BDF);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			snprintf(path, sizeof(path), "/dev/vfio/devices/%s", entry->d_name);
	closedir(dir);
	return path;
}

static void bind_to_iommufd(int device)
{
	struct bind_iommufd bind = { .argsz = sizeof(bind) };

	bind.iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (bind.iommufd < 0 || ioctl(device, BIND_IOMMUFD, &bind) < 0)
		fail("bind to an iommufd");
}

static int session(int luo, unsigned long request)
{
	struct luo_session session = { .size = sizeof(session), .name = "floor" };

	if (luo < 0 || ioctl(luo, request, &session) < 0)
		fail("session");
	return session.fd;
}

static int file_in(int in, unsigned long request, int fd, uint64_t token)
{
	struct luo_file file = { .size = sizeof(file), .fd = fd, .token = token };

	if (ioctl(in, request, &file) < 0)
		fail("file %llu of the session", (unsigned long long)token);
	return file.fd;
}

static void first_kernel(int luo)
{
	int memory = memfd_create("floor", 0);
	int device, in, kernel, initrd;
	static const char cmdline[] = FLOOR_CMDLINE " floor=second";

	if (memory < 0 || write(memory, PATTERN, sizeof(PATTERN)) != sizeof(PATTERN))
		fail("memfd");
	device = open(cdev_path(), O_RDWR | O_CLOEXEC);
	if (device < 0)
		fail("open %s", cdev_path());
	bind_to_iommufd(device);
	in = session(luo, LUO_CREATE);
	file_in(in, LUO_PRESERVE_FD, device, DEVICE_TOKEN);
	file_in(in, LUO_PRESERVE_FD, memory, MEMFD_TOKEN);
	kernel = open("/bzImage", O_RDONLY | O_CLOEXEC);
	initrd = open("/sys/firmware/initrd", O_RDONLY | O_CLOEXEC);
	if (syscall(SYS_kexec_file_load, kernel, initrd, sizeof(cmdline), cmdline, 0) != 0)
		fail("load the next kernel");
	reboot(LINUX_REBOOT_CMD_KEXEC);
	fail("kexec");
}

static void second_kernel(int luo)
{
	char seen[sizeof(PATTERN)] = "";
	int in = session(luo, LUO_RETRIEVE);
	struct luo_finish finish = { .size = sizeof(finish) };
	int device = file_in(in, LUO_RETRIEVE_FD, -1, DEVICE_TOKEN);
	int memory = file_in(in, LUO_RETRIEVE_FD, -1, MEMFD_TOKEN);

	if (pread(memory, seen, sizeof(seen), 0) != sizeof(seen) || strcmp(seen, PATTERN) != 0)
		fail("the memfd's content");
	bind_to_iommufd(device);
	if (ioctl(in, LUO_FINISH, &finish) < 0)
		fail("finish");
	printf("FLOOR-DONE\n");
	end();
}

int main(void)
{
	char cmdline[4096] = "";
	int fd, luo;

	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	setvbuf(stdout, NULL, _IONBF, 0);
	fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, cmdline, sizeof(cmdline) - 1) < 0)
		fail("read the command line");
	bind_to_vfio();
	luo = open("/dev/liveupdate", O_RDWR | O_CLOEXEC);
	if (strstr(cmdline, "floor=second"))
		second_kernel(luo);
	first_kernel(luo);
	return 1;
}
