/** What QEMU is told to be: the machine, its screen and keyboard, the serial line of its kernel and that of the tests. */
import { findProgram } from '../programs.ts';

export type Hardware = {
  /** As the folder below `build/image` is called. */
  readonly name: string;
  /** The folder below `build/hil` for its pictures. */
  readonly pictures: string;
  readonly program: string;
  /** With a screen, a keyboard and USB; `uefi` is 160×50 where it is 80×25 without. */
  readonly parts: (uefi: boolean) => readonly string[];
  /** The kernel's log goes to a file, the other line to a socket. */
  readonly lines: (log: string, socket: string) => readonly string[];
  /** Names of the two lines in the machine. */
  readonly log: string;
  readonly shell: string;
  /** The chip that QEMU calls a TPM. */
  readonly tpm: string;
  /** For what comes late: a screen for `virtio_gpu`, instead of the one in `parts` where that is another, and a slot for a disk. */
  readonly late: readonly string[];
  readonly lateSlot: string;
  /** What its kernel needs to be told besides. */
  readonly words: readonly string[];
};

const size = (uefi: boolean): string => (uefi ? 'xres=1280,yres=800' : 'xres=640,yres=400');
const usb = ['-device', 'qemu-xhci,id=usb'];

const pc: Hardware = {
  name: 'x64',
  pictures: 'screens',
  program: 'qemu-system-x86_64',
  parts: (uefi) => [
    ...['-machine', 'pc', '-m', '256', '-vga', 'std', ...usb],
    ...(uefi ? ['-bios', '/usr/share/ovmf/OVMF.fd'] : []),
  ],
  lines: (log, socket) => ['-serial', `file:${log}`, '-serial', socket],
  log: 'ttyS0',
  shell: 'ttyS1',
  tpm: 'tpm-tis',
  late: ['-vga', 'none', '-device', `virtio-vga,${size(false)}`],
  lateSlot: 'pci.0',
  words: [],
};

/** Its kernel is started without firmware. It has no number of a board, so it is told one. */
const virt: Hardware = {
  name: 'arm64',
  pictures: 'screens-arm64',
  program: 'qemu-system-aarch64',
  parts: (uefi) => [
    ...['-machine', 'virt', '-cpu', 'cortex-a72', '-m', '512', ...usb],
    ...['-device', `virtio-gpu-pci,${size(uefi)}`, '-device', 'virtio-keyboard-pci'],
  ],
  lines: (log, socket) => [
    ...['-serial', `file:${log}`],
    ...['-chardev', socket.replace('unix:', 'socket,id=shell,path='), '-device', 'pci-serial,chardev=shell'],
  ],
  log: 'ttyAMA0',
  shell: 'ttyS0',
  tpm: 'tpm-tis-device',
  late: ['-device', 'pcie-root-port,id=spare'],
  lateSlot: 'spare',
  words: ['systemd.machine_id=5c1f0e627f6b4d439a356d1d6b1f2a10'],
};

/** `THINTRUST_HIL=arm64` is the other one. */
export const hardware: Hardware = process.env['THINTRUST_HIL'] === 'arm64' ? virt : pc;
export const qemu = (): string => findProgram(hardware.program) ?? hardware.program;
