import { IsArray, IsBoolean, IsEmail, IsIn, IsObject, IsOptional, IsString, Matches, MaxLength } from 'class-validator';
import { Duration, HttpUrl, LocalPath, Section, Size, Whole } from './fields.js';
import { SsoConfig } from './sso-config.js';

/** `instance`: what this server calls itself (contract.md §8.1, §8.2). */
export class InstanceConfig {
  @IsString() @MaxLength(200) title = 'Gatehouse';
  @IsString() description = '';
  @IsString() short_description = '';
  @IsOptional() @IsEmail() email: string | null = null;
  @IsArray() @IsString({ each: true }) languages: string[] = ['en'];
  @IsArray() @IsString({ each: true }) rules: string[] = [];
  @IsOptional() @HttpUrl() thumbnail: string | null = null;
  @IsOptional()
  @Matches(/^[a-z0-9.-]+(:\d+)?$/, { message: '$property must be a host name, with a port if it needs one' })
  domain: string | null = null;
  @IsString() @MaxLength(200) version_string = '2.7.2 (compatible; Pleroma 2.5.0)';
}

/** `registrations`: who may make an account (contract.md §5.1). */
export class RegistrationsConfig {
  @IsBoolean() enabled = true;
  @IsBoolean() approval = false;
  @IsBoolean() email_required = true;
  @IsOptional() @IsBoolean() confirm_email: boolean | null = null;
  @IsBoolean() require_app_token = true;
  @IsBoolean() captcha = false;
  @IsOptional() @IsString() message: string | null = null;
}

/** `frontend.routes`: where on our origin each page of a sign-in lives (contract.md §1). */
export class FrontendRoutesConfig {
  @LocalPath() home = '/';
  @LocalPath() login = '/oauth/authorize';
  @LocalPath() consent = '/oauth/consent';
  @LocalPath() mfa = '/oauth/mfa';
  @LocalPath() code = '/oauth/code';
  @LocalPath() sso_register = '/oauth/sso/register';
  @LocalPath() sso_link = '/oauth/sso/link';
  @LocalPath() reactivate = '/oauth/reactivate';
  @LocalPath() register = '/register';
  @LocalPath() password_reset = '/oauth/reset';
}

/** `frontend`: the pages, built in or the operator's (contract.md §1, §3.1, §3.2). */
export class FrontendConfig {
  @IsObject() settings: Record<string, unknown> = {};
  @Section(() => FrontendRoutesConfig) routes: FrontendRoutesConfig = new FrontendRoutesConfig();
  @IsBoolean() builtin = true;
  @IsArray() @HttpUrl({ each: true }) origins: string[] = [];
}

/** `oauth`: lifetimes and switches of the OAuth server (contract.md §1, §2). */
export class OAuthConfig {
  @IsBoolean() password_grant = false;
  @IsBoolean() live_consent_code = false;
  @Duration() access_token_idle = 90 * 86_400;
  @Duration() refresh_token_idle = 180 * 86_400;
  @Duration() refresh_token_max = 730 * 86_400;
  @IsIn([200, 201]) session_delete_status: 200 | 201 = 200;
  @IsOptional() @IsBoolean() allow_http_redirects: boolean | null = null;
  @IsArray() @IsString({ each: true }) introspection_clients: string[] = [];
}

/** `accounts`: rules for new credentials (contract.md §0.10, §5.1). */
export class AccountsConfig {
  @Whole(8, 128) password_min = 8;
  @Duration() delete_grace = 7 * 86_400;
  @IsArray() @IsString({ each: true }) blocked_email_domains: string[] = [];
  @IsArray() @IsString({ each: true }) reserved_usernames: string[] = [];
}

/** `mfa`: second factors, and the way back when all of them are lost. */
export class MfaConfig {
  @IsOptional() @IsString() @MaxLength(200) totp_issuer: string | null = null;
  @Duration() recovery_delay = 72 * 3600;
}

/** `security`: how old a proof of identity may be. */
export class SecurityConfig {
  @Duration(1) step_up_window = 600;
}

/** `imports`: lists of accounts to follow, block or mute (contract.md §7). */
export class ImportsConfig {
  @Size(1000, 200_000_000) max_bytes = 20_000_000;
  @Whole(1, 1_000_000) max_rows = 20_000;
  @Whole(0, 365) undo_days = 30;
  @Whole(1, 3650) keep_days = 90;
  @IsBoolean() allow_private_hosts = false;
}

/** `mail`: how letters look from outside. */
export class MailConfig {
  @IsOptional() @IsEmail() from: string | null = null;
}

/** One budget: how many points within how many seconds (0: until cleared); 0 points switch it off (contract.md §1.1). */
export class BudgetConfig {
  @Whole(0) points: number;
  @Duration() per: number;

  static of(points: number, per: number): BudgetConfig {
    return Object.assign(new BudgetConfig(), { points, per });
  }
}

/** `limits`: attempt budgets, counted in the database (contract.md §1.1). */
export class LimitsConfig {
  @IsBoolean() enabled = true;
  @Section(() => BudgetConfig) password_identifier: BudgetConfig = BudgetConfig.of(10, 900);
  @Section(() => BudgetConfig) password_account: BudgetConfig = BudgetConfig.of(10, 900);
  @Section(() => BudgetConfig) password_address: BudgetConfig = BudgetConfig.of(25, 300);
  @Section(() => BudgetConfig) password_streak: BudgetConfig = BudgetConfig.of(100, 0);
  @Section(() => BudgetConfig) password_long_run: BudgetConfig = BudgetConfig.of(1, 900);
  @Section(() => BudgetConfig) second_factor: BudgetConfig = BudgetConfig.of(10, 900);
  @Section(() => BudgetConfig) passkey_options: BudgetConfig = BudgetConfig.of(60, 300);
  @Section(() => BudgetConfig) token_requests: BudgetConfig = BudgetConfig.of(300, 300);
  @Section(() => BudgetConfig) token_failures: BudgetConfig = BudgetConfig.of(30, 300);
  @Section(() => BudgetConfig) app_registrations: BudgetConfig = BudgetConfig.of(100, 600);
  @Section(() => BudgetConfig) account_registrations: BudgetConfig = BudgetConfig.of(5, 1800);
  @Section(() => BudgetConfig) captchas: BudgetConfig = BudgetConfig.of(30, 300);
  @Section(() => BudgetConfig) mail_recipient: BudgetConfig = BudgetConfig.of(5, 1800);
  @Section(() => BudgetConfig) mail_requests: BudgetConfig = BudgetConfig.of(25, 1800);
  @Section(() => BudgetConfig) address_changes: BudgetConfig = BudgetConfig.of(10, 86_400);
  @Section(() => BudgetConfig) imports: BudgetConfig = BudgetConfig.of(20, 86_400);
  @Section(() => BudgetConfig) sso_starts: BudgetConfig = BudgetConfig.of(20, 60);
}

/** The budgets by name: the keys of `limits` that hold points and a duration. */
export type BudgetName = {
  [Name in keyof LimitsConfig]: LimitsConfig[Name] extends BudgetConfig ? Name : never;
}[keyof LimitsConfig];

/** The YAML file: every key the operator may set, with its default. */
export class FileConfig {
  @Section(() => InstanceConfig) instance: InstanceConfig = new InstanceConfig();
  @Section(() => RegistrationsConfig) registrations: RegistrationsConfig = new RegistrationsConfig();
  @Section(() => FrontendConfig) frontend: FrontendConfig = new FrontendConfig();
  @Section(() => OAuthConfig) oauth: OAuthConfig = new OAuthConfig();
  @Section(() => AccountsConfig) accounts: AccountsConfig = new AccountsConfig();
  @Section(() => MfaConfig) mfa: MfaConfig = new MfaConfig();
  @Section(() => SsoConfig) sso: SsoConfig = new SsoConfig();
  @Section(() => SecurityConfig) security: SecurityConfig = new SecurityConfig();
  @Section(() => ImportsConfig) imports: ImportsConfig = new ImportsConfig();
  @Section(() => MailConfig) mail: MailConfig = new MailConfig();
  @Section(() => LimitsConfig) limits: LimitsConfig = new LimitsConfig();
}

/** How many proxy hops, or which proxy addresses, may set the client address; false: none (contract.md §1, `TRUST_PROXY`). */
export type TrustProxy = false | number | string[];

/** The levels that `LOG_LEVEL` understands. */
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
/** One of them. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Everything the operator decides, validated, typed and with defaults: the one value that every room reads. */
export class Config extends FileConfig {
  port = 3000;
  host = '127.0.0.1';
  /** `{pub}`: issuer and base of every URL we emit; no trailing slash. */
  publicUrl = 'http://localhost:3000';
  /** Absent: the embedded PostgreSQL under `dataDir`. */
  databaseUrl: string | null = null;
  dataDir = './data';
  /** Absent: mails become files under `dataDir`, and count as no mail transport. */
  smtpUrl: string | null = null;
  /** Seals secrets at rest (32 bytes or more of entropy); never logged. */
  secretKey = '';
  /** What sealed secrets before `secretKey` did: still opens them, until `secrets rotate` has sealed them anew. */
  previousSecretKey: string | null = null;
  trustProxy: TrustProxy = false;
  logLevel: LogLevel = 'info';

  /** Whether `{pub}` is https: cookies are then `Secure` and HSTS is sent. */
  get https(): boolean {
    return this.publicUrl.startsWith('https:');
  }

  /** The host, with its port if any, that this instance is known by. */
  get domain(): string {
    return this.instance.domain ?? new URL(this.publicUrl).host;
  }

  /** Whether plain `http:` redirect URIs may point beyond loopback (contract.md §1). */
  get httpRedirectsAllowed(): boolean {
    return this.oauth.allow_http_redirects ?? !this.https;
  }

  /** Whether anybody may make an account with a password of their own choice (contract.md §5.1). */
  get registersByPassword(): boolean {
    return this.registrations.enabled && !this.sso.forced;
  }

  /** Whether clients may exchange a password for a token (contract.md §2.5.3). */
  get takesPasswordGrant(): boolean {
    return this.oauth.password_grant && !this.sso.forced;
  }

  /** Whether new people must prove that they read their address (contract.md §1: by default when mail is on). */
  get confirmsEmail(): boolean {
    return this.registrations.confirm_email ?? this.smtpUrl !== null;
  }

  /** The absolute URL of a path on our own origin. */
  url(path: string): string {
    return this.publicUrl + path;
  }
}
