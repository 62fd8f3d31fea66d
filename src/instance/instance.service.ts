import { Injectable } from '@nestjs/common';
import { Config } from '../config/config.js';
import { UsersService } from '../users/users.service.js';
import { type InstanceFacts } from './instance.dto.js';

/** How long the counts may be old, in milliseconds; the answers are cacheable for a minute anyway. */
const FRESH_MS = 60_000;

/** Gathers what an instance tells about itself. */
@Injectable()
export class InstanceService {
  private counted: { users: number; active: number; at: number } | null = null;

  constructor(
    private readonly config: Config,
    private readonly users: UsersService,
  ) {}

  async facts(): Promise<InstanceFacts> {
    const { users, active } = await this.counts();
    return { config: this.config, users, active };
  }

  private async counts(): Promise<{ users: number; active: number }> {
    if (!this.counted || Date.now() - this.counted.at > FRESH_MS) {
      this.counted = { ...(await this.users.count()), at: Date.now() };
    }
    return this.counted;
  }
}
